//! Sinks that tests use.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use loopmon::{Event, Monitor, Probe, Sink, SinkError};
use tokio::runtime::Builder;

use super::wait_until;

/// The events that a sink was told, in short: `start main`, `sample main`, `end main`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Without samples, whose number depends on how long the program took.
    pub(crate) fn starts_and_ends(&self) -> Vec<String> {
        let mut told = self.all();
        told.retain(|event| !event.starts_with("sample"));
        told
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Told {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.lock().push(tell(event));
        Ok(())
    }
}

/// An event in short.
pub(crate) fn tell(event: &Event<'_>) -> String {
    match event {
        Event::Start(start) => format!("start {}", start.runtime),
        Event::Sample(sample) => format!("sample {}", sample.total.runtime),
        Event::Stall(stall) => format!("stall {} {}", stall.phase, stall.worker),
        Event::End(end) => format!("end {}", end.total.runtime),
        other => panic!("unknown to this test: {other:?}"),
    }
}

/// Monitors `count` runtimes, one after the other, each of which makes two events:
/// its start and its end. Goes on when `told` has seen them.
pub(crate) fn make_events(count: usize, told: &Told) {
    for _ in 0..count {
        let ends = || told.all().iter().filter(|e| e.starts_with("end")).count();
        let before = ends();
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let monitor = Monitor::builder().probe(Probe::None);
        monitor.attach(runtime.handle()).expect("monitored");
        runtime.shutdown_background();
        wait_until(ends, |ends| *ends > before);
    }
}

/// The records in `text`, in short, as [`tell`] does. Every line has to be one.
#[track_caller]
pub(crate) fn read_records(text: &str) -> Vec<String> {
    use loopmon::json::{Kind, Line};
    let short = |line| match Line::read(line).map(|line| line.kind) {
        Ok(Kind::Start(start)) => format!("start {}", start.runtime),
        Ok(Kind::Sample(sample)) => format!("sample {}", sample.runtime),
        Ok(Kind::Stall(stall)) => format!("stall {} {}", stall.phase, stall.worker),
        Ok(Kind::End(end)) => format!("end {}", end.runtime),
        other => panic!("{other:?} for {line:?} in {text}"),
    };
    text.lines().map(short).collect()
}

/// Closed until it is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        let (open, changed) = &*self.0;
        *open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pass(&self) {
        let (open, changed) = &*self.0;
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = changed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
