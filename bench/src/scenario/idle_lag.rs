//! The floor of the lag: what an idle loop shows, beside the time in which an
//! `eventfd` wakes a plain thread.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::FromRawFd as _;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use loopmon::Monitor;
use tokio::runtime::Builder;

use super::Effort;
use crate::report::Report;
use crate::stats::{median, spread};

const INTERVAL: Duration = Duration::from_millis(5);

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let (mut raw, mut lag) = (Vec::new(), Vec::new());
    for _ in 0..effort.pick(9, 3) {
        // In turn, so that a noisy minute of the machine meets both.
        raw.push(eventfd(200));
        lag.push(idle_loop(INTERVAL * 200));
    }
    let ratio = median(&lag) / median(&raw);
    report.goal(
        "idle lag p50 over an eventfd between two threads",
        format!("{ratio:.2}"),
        "at most 1.5",
        ratio <= 1.5,
    );
    report.note(format!("lag {}", spread(&lag, "µs")));
    report.note(format!("eventfd {}", spread(&raw, "µs")));
    report
}

/// The median time in µs from before a write to after the read that waited for it.
fn eventfd(rounds: usize) -> f64 {
    // SAFETY: no memory is passed, and the result is checked.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    assert!(fd >= 0, "an eventfd");
    // SAFETY: the kernel has just made this descriptor, so nobody else owns it.
    let mut writer = unsafe { File::from_raw_fd(fd) };
    let mut reader = writer.try_clone().expect("a second descriptor");
    let (woken, wakes) = mpsc::channel();
    let thread = thread::spawn(move || {
        for _ in 0..rounds {
            reader.read_exact(&mut [0; 8]).expect("the writer writes");
            woken.send(Instant::now()).expect("the writer listens");
        }
    });
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        thread::sleep(INTERVAL);
        let written = Instant::now();
        writer
            .write_all(&1_u64.to_ne_bytes())
            .expect("an eventfd takes it");
        let woken = wakes.recv().expect("the reader wakes");
        times.push((woken - written).as_secs_f64() * 1e6);
    }
    thread.join().expect("the reader is done");
    median(&times)
}

/// The median lag in µs of a loop that has nothing to do.
fn idle_loop(length: Duration) -> f64 {
    let (runtime, monitor) = Monitor::builder()
        .interval(INTERVAL)
        .build(Builder::new_multi_thread().enable_all())
        .expect("a runtime");
    runtime.block_on(tokio::time::sleep(length));
    let p50 = monitor.snapshot().lag.quantile(0.5).expect("answers");
    drop(runtime);
    monitor.shutdown();
    p50.as_secs_f64() * 1e6
}
