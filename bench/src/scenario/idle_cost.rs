//! What loopmon costs a program that has nothing to do, at the default interval:
//! wake-ups, time on a core, memory. Two processes, in turn.

use std::fs;
use std::thread;
use std::time::Duration;

use loopmon::Monitor;
use tokio::runtime::Builder;

use super::Effort;
use crate::child;
use crate::report::Report;
use crate::stats::{median, spread};

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let window = effort.pick(Duration::from_secs(10), Duration::from_secs(2));
    let (mut plain, mut watched) = (Costs::default(), Costs::default());
    for _ in 0..effort.pick(5, 2) {
        plain.measure("plain", window);
        watched.measure("loopmon", window);
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

#[derive(Default)]
struct Costs {
    wake_ups: Vec<f64>,
    core: Vec<f64>,
    memory: Vec<f64>,
}

impl Costs {
    fn measure(&mut self, variant: &str, window: Duration) {
        let child = child::start("idle", &[variant]);
        thread::sleep(Duration::from_secs(1)); // Starting up is another matter.
        let (wake_ups, nanos) = Usage::of(child.id()).to_numbers();
        thread::sleep(window);
        let (wake_ups_later, nanos_later) = Usage::of(child.id()).to_numbers();
        let seconds = window.as_secs_f64();
        self.wake_ups.push((wake_ups_later - wake_ups) / seconds);
        self.core
            .push((nanos_later - nanos) / (seconds * 1e9) * 100.0);
        self.memory.push(anonymous_kib(child.id()) / 1024.0);
    }
}

/// What all threads of a process have used so far.
#[derive(Default)]
struct Usage {
    context_switches: u32,
    /// In µs, which fit.
    on_core: u32,
}

impl Usage {
    fn of(process: u32) -> Self {
        let mut usage = Self::default();
        let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a running child");
        for thread in threads.flatten() {
            let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            let switches = read("status");
            let counts = switches
                .lines()
                .filter(|line| line.contains("ctxt_switches"));
            usage.context_switches += counts
                .filter_map(|line| line.split('\t').nth(1)?.parse::<u32>().ok())
                .sum::<u32>();
            let schedstat = read("schedstat");
            let nanos = schedstat
                .split(' ')
                .next()
                .and_then(|time| time.parse::<u64>().ok());
            usage.on_core += u32::try_from(nanos.unwrap_or(0) / 1_000).expect("less than an hour");
        }
        usage
    }

    /// Context switches, and nanoseconds on a core.
    fn to_numbers(&self) -> (f64, f64) {
        (
            f64::from(self.context_switches),
            f64::from(self.on_core) * 1e3,
        )
    }
}

fn anonymous_kib(process: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).expect("a child");
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.expect("the kernel counts anonymous memory")
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
