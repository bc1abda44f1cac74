//! A worker that has much to do and does it in small pieces. Tokio publishes what a
//! worker does every 61 polls only, so many short polls may look like a long one: how
//! often, and for how long?

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use loopmon::{Cause, Monitor};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

use super::Effort;
use crate::report::Report;
use crate::witness::{Told, Witness};

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let witness = Witness::default();
    let mut tokio = Builder::new_multi_thread();
    tokio.enable_all().worker_threads(1);
    let (runtime, monitor) = witness.monitor().build(&mut tokio).expect("a runtime");
    let length = Duration::from_secs(effort.pick(20, 3));
    for poll in [1, 3].map(Duration::from_millis) {
        let name = format!("polls of {poll:?} for {length:?}");
        observe(&mut report, &witness, &monitor, &name, || {
            many(&runtime, poll, length);
        });
    }
    let tasks = effort.pick(1_000_000, 100_000);
    let name = format!("{tasks} tiny tasks");
    observe(&mut report, &witness, &monitor, &name, || {
        tiny(&runtime, tasks);
    });
    drop(runtime);
    monitor.shutdown();
    report
}

fn observe(
    report: &mut Report,
    witness: &Witness,
    monitor: &Monitor,
    name: &str,
    work: impl FnOnce(),
) {
    let before = monitor.snapshot();
    work();
    thread::sleep(Duration::from_millis(50)); // For the worker to park.
    let told = witness.take();
    let host_lag = monitor.snapshot().since(&before).host_lag.max();
    let other = told.iter().filter(|told| told.cause != Cause::Unknown);
    let other = other.count();
    report.goal(
        &format!("{name}: stalls with a cause that is not theirs"),
        other.to_string(),
        "none",
        other == 0,
    );
    report.note(format!(
        "{name}: {} stalls told, {}, host lag at most {:.1?}",
        told.len(),
        lengths(&told),
        host_lag.unwrap_or_default()
    ));
}

/// How many of which length, in tens of milliseconds.
fn lengths(told: &[Told]) -> String {
    let mut counts = BTreeMap::new();
    for told in told {
        *counts.entry(told.duration.as_millis() / 10).or_insert(0) += 1;
    }
    let counts = counts
        .iter()
        .map(|(tens, count)| format!("{count} of {tens}0 ms"));
    counts.collect::<Vec<_>>().join(", ")
}

fn many(runtime: &Runtime, poll: Duration, length: Duration) {
    let until = Instant::now() + length;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            runtime.spawn(async move {
                while Instant::now() < until {
                    let start = Instant::now();
                    while start.elapsed() < poll {
                        std::hint::spin_loop();
                    }
                    yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).expect("it ends");
    }
}

fn tiny(runtime: &Runtime, count: u32) {
    runtime.block_on(async move {
        let spawner = tokio::spawn(async move {
            let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(yield_now())).collect();
            for task in tasks {
                task.await.expect("it ends");
            }
        });
        spawner.await.expect("it ends");
    });
}
