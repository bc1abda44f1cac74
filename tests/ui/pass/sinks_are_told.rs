//! The forms of a sink.
use std::io;
use std::sync::mpsc;

use loopmon::{Event, Sink, SinkError};

struct Names<T>(mpsc::Sender<&'static str>, T);

impl<T: Send + 'static> Sink for Names<T> {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        match event {
            Event::Start(_) => self.0.send("start")?,
            Event::End(_) => self.0.send("end")?,
            _ => {}
        }
        Ok(())
    }
}

impl<T> Names<T> {
    fn fallible(sender: mpsc::Sender<&'static str>, more: T) -> io::Result<Self> {
        Ok(Self(sender, more))
    }
}

#[loopmon::main(sink = Names(sender, ()), interval = "10ms")]
async fn literal(sender: mpsc::Sender<&'static str>) {}

#[loopmon::main(sink = Names::<u8>::fallible(sender, 1)?)]
async fn fallible(sender: mpsc::Sender<&'static str>) -> io::Result<()> {
    Ok(())
}

#[loopmon::main(sink = ["auto", Names::<Result<u8, u8>>(sender.clone(), Ok(1)), Names(sender, 2)])]
async fn several(sender: mpsc::Sender<&'static str>) {}

#[loopmon::main(sink = { let sink = Names(sender, 'x'); sink }, flavor = "current_thread")]
async fn block(sender: mpsc::Sender<&'static str>) {}

#[loopmon::main(sink = "stderr?every=1s")]
async fn text() {}

fn main() {
    let (sender, receiver) = mpsc::channel();
    let told = || receiver.try_iter().collect::<Vec<_>>();
    literal(sender.clone());
    assert_eq!(told(), ["start", "end"]);
    fallible(sender.clone()).unwrap();
    assert_eq!(told(), ["start", "end"]);
    block(sender.clone());
    assert_eq!(told(), ["start", "end"]);
    several(sender);
    let mut told = told();
    told.sort_unstable();
    assert_eq!(told, ["end", "end", "start", "start"]);
    text();
}
