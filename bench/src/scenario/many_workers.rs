//! A large runtime: 64 workers, a million tasks alive, and one of them active so that the
//! watchdog looks. What do its looks cost, and does it keep anything for a task?

use std::thread;
use std::time::Duration;

use loopmon::Monitor;
use tokio::runtime::{Builder, Runtime};

use super::Effort;
use crate::child::{self, Running};
use crate::report::Report;
use crate::stats::{median, spread};
use crate::usage::{Costs, Usage, anonymous_mib};

const WORKERS: usize = 64;
/// How one task keeps the runtime active: all the time, or every 2 ms for a moment.
const BEATS: [&str; 2] = ["busy", "beating"];

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let (window, tasks) = effort.pick(
        (Duration::from_secs(10), 1_000_000),
        (Duration::from_secs(2), 100_000),
    );
    let mut watchdog = BEATS.map(|_| Costs::default());
    let (mut for_none, mut for_many) = (Vec::new(), Vec::new());
    for _ in 0..effort.pick(3, 1) {
        for_none.push(memory("loopmon", 0) - memory("plain", 0));
        for_many.push(memory("loopmon", tasks) - memory("plain", tasks));
        for (beat, costs) in BEATS.into_iter().zip(&mut watchdog) {
            let child = start("loopmon", tasks, beat);
            costs.measure_running(window, || Usage::of_named(child.id(), "loopmon-watchdog"));
        }
    }
    for (beat, costs) in BEATS.into_iter().zip(&watchdog) {
        judge_time(&mut report, beat, tasks, costs);
    }
    let grown = median(&for_many) - median(&for_none);
    report.goal(
        &format!("loopmon's memory for {tasks} tasks above that for none"),
        format!("{grown:.2} MiB"),
        "at most 1 MiB",
        grown <= 1.0,
    );
    let said = |memory| spread(memory, "MiB above plain Tokio");
    report.note(format!("without tasks {}", said(&for_none)));
    report.note(format!("with them {}", said(&for_many)));
    report
}

fn judge_time(report: &mut Report, beat: &str, tasks: u32, costs: &Costs) {
    let core = median(&costs.core);
    report.goal(
        &format!("watchdog's time, {WORKERS} workers and {tasks} tasks, one {beat}"),
        format!("{core:.3} % of a core"),
        "at most 0.5 %",
        core <= 0.5,
    );
    let wake_ups = spread(&costs.wake_ups, "wake-ups a second");
    report.note(format!("one {beat}: watchdog {wake_ups}"));
}

/// A program that has had the time to start its tasks.
fn start(variant: &str, tasks: u32, beat: &str) -> Running {
    let child = child::start("many-workers", &[variant, &tasks.to_string(), beat]);
    thread::sleep(Duration::from_secs(3));
    child
}

/// Anonymous memory in MiB.
fn memory(variant: &str, tasks: u32) -> f64 {
    anonymous_mib(start(variant, tasks, "beating").id())
}

/// The large program. The parent ends it.
pub(crate) fn child(arguments: &[String]) {
    let [variant, tasks, beat] = arguments else {
        return;
    };
    let tasks: u32 = tasks.parse().expect("a number of tasks");
    let mut tokio = Builder::new_multi_thread();
    tokio.enable_all().worker_threads(WORKERS);
    if variant == "loopmon" {
        let (runtime, _monitor) = Monitor::builder().build(&mut tokio).expect("a runtime");
        live(&runtime, tasks, beat == "busy");
    } else {
        live(&tokio.build().expect("a runtime"), tasks, beat == "busy");
    }
}

fn live(runtime: &Runtime, tasks: u32, busy: bool) {
    runtime.block_on(async {
        for _ in 0..tasks {
            tokio::spawn(std::future::pending::<()>());
        }
        let mut beat = tokio::time::interval(Duration::from_millis(2));
        let task = tokio::spawn(async move {
            loop {
                if busy {
                    tokio::task::yield_now().await;
                } else {
                    beat.tick().await;
                }
            }
        });
        task.await.expect("it never ends");
    });
}
