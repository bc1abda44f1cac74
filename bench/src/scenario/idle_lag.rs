//! The floor of the lag: what an idle loop shows, beside the time in which two
//! plain threads wake each other by an `eventfd`, there and back.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::FromRawFd as _;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use super::Effort;
use crate::quiet::monitor;
use crate::report::Report;
use crate::stats::{median, spread};

const INTERVAL: Duration = Duration::from_millis(5);

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let (mut there, mut back, mut lag) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.pick(9, 3) {
        // In turn, so that a noisy minute of the machine meets both.
        let trip = eventfds(200);
        there.push(trip.there);
        back.push(trip.there_and_back);
        lag.push(idle_loop(INTERVAL * 200));
    }
    let ratio = median(&lag) / median(&back);
    report.goal(
        "idle lag p50 over a round trip by eventfd between two threads",
        format!("{ratio:.2}"),
        "at most 1.5",
        ratio <= 1.5,
    );
    report.note(format!("lag {}", spread(&lag, "µs")));
    report.note(format!("eventfd there and back {}", spread(&back, "µs")));
    report.note(format!("eventfd there only {}", spread(&there, "µs")));
    report
}

/// Medians in µs, from before the first write.
struct Trip {
    there: f64,
    there_and_back: f64,
}

fn eventfds(rounds: usize) -> Trip {
    let (mut call, mut called) = eventfd();
    let (mut answer, mut answered) = eventfd();
    let (woken, wakes) = mpsc::channel();
    let thread = thread::spawn(move || {
        for _ in 0..rounds {
            called.read_exact(&mut [0; 8]).expect("the caller writes");
            let now = Instant::now();
            answer
                .write_all(&1_u64.to_ne_bytes())
                .expect("an eventfd takes it");
            woken.send(now).expect("the caller listens");
        }
    });
    let (mut there, mut there_and_back) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        thread::sleep(INTERVAL);
        let written = Instant::now();
        call.write_all(&1_u64.to_ne_bytes())
            .expect("an eventfd takes it");
        answered.read_exact(&mut [0; 8]).expect("the other answers");
        there_and_back.push(written.elapsed().as_secs_f64() * 1e6);
        let woken = wakes.recv().expect("the other says when it woke");
        there.push((woken - written).as_secs_f64() * 1e6);
    }
    thread.join().expect("the other is done");
    Trip {
        there: median(&there),
        there_and_back: median(&there_and_back),
    }
}

/// A blocking one, for a writer and a reader.
fn eventfd() -> (File, File) {
    // SAFETY: no memory is passed, and the result is checked.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    assert!(fd >= 0, "an eventfd");
    // SAFETY: the kernel has just made this descriptor, so nobody else owns it.
    let writer = unsafe { File::from_raw_fd(fd) };
    let reader = writer.try_clone().expect("a second descriptor");
    (writer, reader)
}

/// The median lag in µs of a loop that has nothing to do.
fn idle_loop(length: Duration) -> f64 {
    let (runtime, monitor) = monitor()
        .interval(INTERVAL)
        .build(Builder::new_multi_thread().enable_all())
        .expect("a runtime");
    runtime.block_on(async { tokio::time::sleep(length).await });
    let p50 = monitor.snapshot().lag.quantile(0.5).expect("answers");
    drop(runtime);
    monitor.shutdown();
    p50.as_secs_f64() * 1e6
}
