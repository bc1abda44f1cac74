//! A loop that stands still for 250 ms of every 2.5 s. One event in ten meets a
//! freeze, so 99 of 100 wait less than nine tenths of one: is that what the lag's
//! p99 says? Twenty loops with random phases, side by side.
//!
//! The same at 250 ms over ten minutes is a test of the core on a driven clock
//! (`watchdog/ping.rs`).

use std::thread;
use std::time::{Duration, Instant};

use loopmon::{Monitor, Probe};
use tokio::runtime::Builder;

use super::Effort;
use crate::blocker::{Kind, Place, block};
use crate::quiet::monitor;
use crate::report::Report;
use crate::stats::spread;
use crate::truth::{Notes, Truth, quantile_of_waits};

const PERIOD: Duration = Duration::from_millis(2_500);
const FREEZE: Duration = Duration::from_millis(250);
const INTERVAL: Duration = Duration::from_millis(25);
const LOOPS: u32 = 20;

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    // The first runtime fixes the sinks of the process.
    let (first, quiet) = monitor()
        .probe(Probe::None)
        .build(&mut builder())
        .expect("a runtime");
    let length = effort.pick(Duration::from_secs(60), Duration::from_secs(10));
    let loops: Vec<_> = (0..LOOPS)
        .map(|number| thread::spawn(move || frozen(number, length)))
        .collect();
    let mut errors = Vec::new();
    for thread in loops {
        let Trial {
            p99,
            truth,
            host_lag,
        } = thread.join().expect("a loop ends");
        if report.keeps(host_lag) {
            errors.push((p99.as_secs_f64() / truth.as_secs_f64() - 1.0) * 100.0);
        }
    }
    drop(first);
    quiet.shutdown();
    let within = errors.iter().filter(|error| error.abs() <= 5.0).count();
    // Of 20 trials 18; of fewer, because some were discarded, the same share.
    let needed = (errors.len() * 18).div_ceil(20);
    report.goal(
        "p99 within 5 % of the truth",
        format!("{within} of {}", errors.len()),
        "18 of 20",
        within >= needed && within > 0,
    );
    report.note(format!("error {}", spread(&errors, "%")));
    report
}

fn builder() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

struct Trial {
    p99: Duration,
    truth: Duration,
    host_lag: Option<Duration>,
}

fn frozen(number: u32, length: Duration) -> Trial {
    let notes = Notes::new(64);
    let (runtime, monitor) = Monitor::builder()
        .interval(INTERVAL)
        .build(&mut builder())
        .expect("a runtime");
    // Loops that begin one after the other are frozen at different times.
    let phase = PERIOD / LOOPS * number;
    let started = Instant::now();
    runtime.block_on(async {
        let mut next = started + phase;
        while next + FREEZE < started + length {
            tokio::time::sleep_until(next.into()).await;
            block(Kind::Sleep, Place::Root, FREEZE, &notes);
            next += PERIOD;
        }
        tokio::time::sleep_until((started + length).into()).await;
    });
    let total = monitor.snapshot();
    drop(runtime);
    monitor.shutdown();
    let freezes: Vec<Duration> = notes.read().iter().map(Truth::length).collect();
    Trial {
        p99: total.lag.quantile(0.99).expect("answers"),
        truth: quantile_of_waits(&freezes, total.window, 0.99),
        host_lag: total.host_lag.max(),
    }
}
