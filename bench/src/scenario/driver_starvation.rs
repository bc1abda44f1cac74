//! A worker takes an event from the I/O driver and blocks in the task that waited
//! for it. The others are asleep and do not look at the driver, so events pile up:
//! a victim's socket waits for the end of the block. Does the lag show how long –
//! and does the victim wait as long as it would without loopmon?

use std::io::Write as _;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use super::Effort;
use crate::blocker::{Kind, Place, block};
use crate::quiet::monitor;
use crate::report::Report;
use crate::stats::{median, quantile, spread};
use crate::truth::Notes;

const BLOCK: Duration = Duration::from_millis(300);
/// The victim's event comes this long after the block has begun.
const INTO_THE_BLOCK: Duration = Duration::from_millis(10);
const INTERVAL: Duration = Duration::from_millis(25);

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let (mut plain, mut watched, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    for trial in 0..effort.pick(40, 6) {
        let kind = Kind::ALL[trial % Kind::ALL.len()];
        let runtime = builder().build().expect("a runtime");
        plain.extend(victims_wait(&runtime, kind));
        drop(runtime);

        let (runtime, monitor) = monitor()
            .interval(INTERVAL)
            .build(&mut builder())
            .expect("a runtime");
        let before = monitor.snapshot();
        let wait = victims_wait(&runtime, kind);
        // Let the answer to the last ping arrive.
        runtime.block_on(async { tokio::time::sleep(INTERVAL * 3).await });
        let window = monitor.snapshot().since(&before);
        drop(runtime);
        monitor.shutdown();
        if report.keeps(window.host_lag.max())
            && let (Some(wait), Some(lag)) = (wait, window.lag.max())
        {
            watched.push(wait);
            shown.push(lag.as_secs_f64() * 1e3 / wait);
        }
    }
    judge(&mut report, &plain, &watched, &shown);
    report
}

fn judge(report: &mut Report, plain: &[f64], watched: &[f64], shown: &[f64]) {
    let enough = shown.iter().filter(|share| **share >= 0.9).count();
    report.goal(
        "greatest lag over the victim's wait",
        format!(
            "median {:.2}, least {:.2}",
            median(shown),
            quantile(shown, 0.0)
        ),
        "at least 0.9 in every trial",
        enough == shown.len() && !shown.is_empty(),
    );
    let ratio = median(watched) / median(plain);
    report.goal(
        "the victim's wait with loopmon over that without",
        format!("{ratio:.3}"),
        "0.98 to 1.02",
        (0.98..=1.02).contains(&ratio),
    );
    report.note(format!("wait with loopmon {}", spread(watched, "ms")));
    report.note(format!("wait without {}", spread(plain, "ms")));
}

fn builder() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().worker_threads(4);
    builder
}

/// How long the victim's event waits, in ms; `None` if the blocker did not hold the
/// driver, because another worker happened to look at it.
pub(super) fn victims_wait(runtime: &Runtime, kind: Kind) -> Option<f64> {
    let notes = Notes::new(1);
    let (mut wake_blocker, blocker) = StdStream::pair().expect("sockets");
    let (mut wake_victim, victim) = StdStream::pair().expect("sockets");
    let (ran, wait) = mpsc::channel();
    let pad = notes.clone();
    runtime.spawn(async move {
        let mut socket = listening(blocker);
        let _woken = socket.read_u8().await;
        block(kind, Place::Task, BLOCK, &pad);
    });
    runtime.spawn(async move {
        let mut socket = listening(victim);
        let _woken = socket.read_u8().await;
        let _heard = ran.send(Instant::now());
    });
    // Until all workers have parked again.
    thread::sleep(Duration::from_millis(50));
    wake_blocker.write_all(&[1]).expect("the blocker listens");
    thread::sleep(INTO_THE_BLOCK);
    let written = Instant::now();
    wake_victim.write_all(&[1]).expect("the victim listens");
    let ran = wait.recv().expect("the victim runs");
    // The blocker is done when its note is there.
    while notes.read().is_empty() {
        thread::sleep(Duration::from_millis(1));
    }
    let waited = ran - written;
    (waited > BLOCK / 2).then_some(waited.as_secs_f64() * 1e3)
}

fn listening(socket: StdStream) -> UnixStream {
    socket
        .set_nonblocking(true)
        .expect("a socket can be non-blocking");
    UnixStream::from_std(socket).expect("the runtime has an I/O driver")
}
