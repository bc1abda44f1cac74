//! What loopmon costs a program that has nothing to do, at the default interval:
//! wake-ups, time on a core, memory. Two processes, in turn.

use std::time::Duration;

use loopmon::Monitor;
use tokio::runtime::Builder;

use super::Effort;
use crate::child;
use crate::report::Report;
use crate::stats::{median, spread};
use crate::usage::Costs;

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let window = effort.pick(Duration::from_secs(10), Duration::from_secs(2));
    let (mut plain, mut watched) = (Costs::default(), Costs::default());
    for _ in 0..effort.pick(5, 2) {
        plain.measure(&child::start("idle", &["plain"]), window);
        watched.measure(&child::start("idle", &["loopmon"]), window);
    }
    let above = |with: &[f64], without: &[f64]| median(with) - median(without);
    let wake_ups = above(&watched.wake_ups, &plain.wake_ups);
    let core = above(&watched.core, &plain.core);
    let memory = above(&watched.memory, &plain.memory);
    for (what, measured, goal, unit) in [
        ("wake-ups above plain Tokio", wake_ups, 20.0, "a second"),
        ("time above plain Tokio", core, 0.1, "% of a core"),
        ("anonymous memory above plain Tokio", memory, 2.0, "MiB"),
    ] {
        let (said, wanted) = (
            format!("{measured:.2} {unit}"),
            format!("at most {goal} {unit}"),
        );
        report.goal(what, said, &wanted, measured <= goal);
    }
    report.note(format!(
        "time with loopmon {}",
        spread(&watched.core, "% of a core")
    ));
    report.note(format!(
        "time without {}",
        spread(&plain.core, "% of a core")
    ));
    report
}

/// A program that waits. The parent ends it.
pub(crate) fn child(arguments: &[String]) {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all();
    if arguments.iter().any(|variant| variant == "loopmon") {
        let (runtime, _monitor) = Monitor::builder().build(&mut builder).expect("a runtime");
        runtime.block_on(std::future::pending::<()>());
    } else {
        builder
            .build()
            .expect("a runtime")
            .block_on(std::future::pending::<()>());
    }
}
