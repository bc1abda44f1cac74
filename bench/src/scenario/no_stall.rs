//! Times in which no worker stays away, though much happens: nothing may be told.

use std::thread;
use std::time::{Duration, Instant};

use loopmon::{Monitor, Probe};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

use super::Effort;
use crate::report::Report;
use crate::witness::Witness;

pub(super) const POLL: Duration = Duration::from_micros(20);

type Case = (&'static str, fn(Duration));

/// What is done again and again, so that a late machine spoils one time and not all.
const CASES: [Case; 7] = [
    ("saturation", saturation),
    ("block_in_place", block_in_place),
    ("spawn_blocking", spawn_blocking),
    ("yield storm", yield_storm),
    ("paused clock", paused_clock),
    ("undriven", undriven),
    ("undriven, root unknown", undriven_unknown),
];
const ONCE: Duration = Duration::from_secs(2);

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let witness = Witness::default();
    let mut idle = Builder::new_current_thread();
    let first = witness.monitor().probe(Probe::None).build(&mut idle);
    let (first, monitor) = first.expect("a runtime");
    for (name, case) in CASES {
        let often = match name {
            "saturation" => effort.pick(30, 3),
            _ => effort.pick(3, 1),
        };
        repeat(&mut report, &witness, &monitor, often, (name, case));
    }
    drop(first);
    monitor.shutdown();
    report
}

fn repeat(
    report: &mut Report,
    witness: &Witness,
    monitor: &Monitor,
    often: u32,
    (name, case): Case,
) {
    let (mut told, mut kept) = (Vec::new(), 0);
    for _ in 0..often {
        let before = monitor.snapshot();
        case(ONCE);
        let now = witness.take();
        if report.keeps(monitor.snapshot().since(&before).host_lag.max()) {
            kept += 1;
            told.extend(now);
        }
    }
    report.goal(
        &format!("{name}, {kept} of {often} times for {ONCE:?}: stalls told"),
        told.len().to_string(),
        "none",
        told.is_empty(),
    );
    for told in told {
        report.note(format!("{name}: {told:?}"));
    }
}

fn two_workers() -> (Runtime, Monitor) {
    let mut tokio = Builder::new_multi_thread();
    tokio.enable_all().worker_threads(2);
    Monitor::builder().build(&mut tokio).expect("a runtime")
}

fn one_thread() -> (Runtime, Monitor) {
    let mut tokio = Builder::new_current_thread();
    tokio.enable_all();
    Monitor::builder().build(&mut tokio).expect("a runtime")
}

pub(super) fn end((runtime, monitor): (Runtime, Monitor)) {
    drop(runtime);
    monitor.shutdown();
}

/// Eight tasks that always have something to do, a little at a time.
pub(super) fn saturate(runtime: &Runtime, length: Duration, poll: Duration) {
    let until = Instant::now() + length;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            runtime.spawn(async move {
                while Instant::now() < until {
                    compute(poll);
                    yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).expect("it ends");
    }
}

fn compute(length: Duration) {
    let start = Instant::now();
    while start.elapsed() < length {
        std::hint::spin_loop();
    }
}

fn saturation(length: Duration) {
    let watched = two_workers();
    saturate(&watched.0, length, POLL);
    end(watched);
}

fn yield_storm(length: Duration) {
    let watched = two_workers();
    saturate(&watched.0, length, Duration::ZERO);
    end(watched);
}

const BLOCKED: Duration = Duration::from_millis(300);

fn rounds(length: Duration, round: Duration) -> u128 {
    (length.as_millis() / round.as_millis()).max(1)
}

fn block_in_place(length: Duration) {
    let watched = two_workers();
    for _ in 0..rounds(length, BLOCKED) {
        let task = watched.0.spawn(async {
            tokio::task::block_in_place(|| thread::sleep(BLOCKED));
        });
        watched.0.block_on(task).expect("it ends");
    }
    end(watched);
}

fn spawn_blocking(length: Duration) {
    let watched = two_workers();
    for _ in 0..rounds(length, BLOCKED) {
        let blocked = watched.0.spawn_blocking(|| thread::sleep(BLOCKED));
        watched.0.block_on(blocked).expect("it ends");
    }
    end(watched);
}

/// As much virtual time as there is: each sleep ends as soon as nobody has anything to do.
fn paused_clock(length: Duration) {
    let mut tokio = Builder::new_current_thread();
    tokio.enable_all().start_paused(true);
    let watched = Monitor::builder().build(&mut tokio).expect("a runtime");
    let until = Instant::now() + length;
    watched.0.block_on(watched.1.root(async {
        while Instant::now() < until {
            tokio::time::sleep(BLOCKED).await;
        }
    }));
    end(watched);
}

/// A runtime that nobody drives for a second is not stuck.
fn undriven(length: Duration) {
    let watched = one_thread();
    for _ in 0..rounds(length, Duration::from_secs(1)) {
        watched.0.block_on(watched.1.root(yield_now()));
        thread::sleep(Duration::from_secs(1));
    }
    end(watched);
}

/// As [`undriven`], by a program that does not say which future is the root.
fn undriven_unknown(length: Duration) {
    let watched = one_thread();
    for _ in 0..rounds(length, Duration::from_secs(1)) {
        watched.0.block_on(yield_now());
        thread::sleep(Duration::from_secs(1));
    }
    end(watched);
}
