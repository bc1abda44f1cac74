//! A sink of your own: lag and tasks as gauges in `StatsD`'s line format, over UDP, to
//! whatever listens. Here the program itself listens, and prints what arrives.
//!
//! ```text
//! cargo run --example custom_sink
//! ```

use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use loopmon::{Event, Sink, SinkError};

struct Gauges {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Gauges {
    fn new(to: SocketAddr) -> std::io::Result<Self> {
        Ok(Self {
            socket: UdpSocket::bind("127.0.0.1:0")?,
            to,
        })
    }
}

// A sink has a thread of its own: it may take its time, and block.
impl Sink for Gauges {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let Event::Sample(sample) = event else {
            return Ok(());
        };
        let window = &sample.window;
        let mut lines = String::new();
        if let Some(lag) = window.lag.max() {
            writeln!(lines, "{}.lag_max_us:{}|g", window.runtime, lag.as_micros())?;
        }
        if let Some(tasks) = window.active_tasks {
            writeln!(lines, "{}.active_tasks:{tasks}|g", window.runtime)?;
        }
        self.socket.send_to(lines.as_bytes(), self.to)?;
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    let listener = UdpSocket::bind("127.0.0.1:0")?;
    application(listener.local_addr()?)?;

    listener.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut packet = [0; 512];
    for _ in 0..2 {
        let length = listener.recv(&mut packet)?;
        print!("{}", String::from_utf8_lossy(&packet[..length]));
    }
    Ok(())
}

#[loopmon::main(interval = "20ms", sink = Gauges::new(to)?)]
async fn application(to: SocketAddr) -> std::io::Result<()> {
    let tasks: Vec<_> = (0..5)
        .map(|_| tokio::spawn(tokio::time::sleep(Duration::from_millis(2_300))))
        .collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}
