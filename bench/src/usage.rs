//! What a process uses, as the kernel counts it.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::child::Running;

/// What threads have used so far.
#[derive(Default)]
pub(crate) struct Usage {
    context_switches: u32,
    /// In µs, which fit.
    on_core: u32,
}

impl Usage {
    /// All threads of a process.
    pub(crate) fn of(process: u32) -> Self {
        Self::of_threads(process, |_| true)
    }

    /// The threads of a process that have this name, of which the kernel keeps 15 bytes.
    pub(crate) fn of_named(process: u32, name: &str) -> Self {
        let kept = name.get(..15).unwrap_or(name);
        Self::of_threads(process, |name| name == kept)
    }

    fn of_threads(process: u32, counts: impl Fn(&str) -> bool) -> Self {
        let mut usage = Self::default();
        let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a running child");
        for thread in threads.flatten() {
            let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            if counts(name.trim_end()) {
                usage.add(&thread.path());
            }
        }
        usage
    }

    fn add(&mut self, thread: &Path) {
        let read = |file| fs::read_to_string(thread.join(file)).unwrap_or_default();
        let switches = read("status");
        let counts = switches
            .lines()
            .filter(|line| line.contains("ctxt_switches"));
        self.context_switches += counts
            .filter_map(|line| line.split('\t').nth(1)?.parse::<u32>().ok())
            .sum::<u32>();
        let schedstat = read("schedstat");
        let nanos = schedstat
            .split(' ')
            .next()
            .and_then(|time| time.parse::<u64>().ok());
        self.on_core += u32::try_from(nanos.unwrap_or(0) / 1_000).expect("less than an hour");
    }

    /// Context switches, and nanoseconds on a core.
    fn to_numbers(&self) -> (f64, f64) {
        (
            f64::from(self.context_switches),
            f64::from(self.on_core) * 1e3,
        )
    }
}

/// What a program costs once it runs, one number a run.
#[derive(Default)]
pub(crate) struct Costs {
    /// Of all threads, a second.
    pub(crate) wake_ups: Vec<f64>,
    /// In % of a core.
    pub(crate) core: Vec<f64>,
    /// In MiB.
    pub(crate) memory: Vec<f64>,
}

impl Costs {
    /// One run, of which `window` is looked at.
    pub(crate) fn measure(&mut self, child: &Running, window: Duration) {
        thread::sleep(Duration::from_secs(1)); // Starting up is another matter.
        self.measure_running(window, || Usage::of(child.id()));
        self.memory.push(anonymous_mib(child.id()));
    }

    /// As [`measure`](Self::measure), of the threads that `usage` counts.
    pub(crate) fn measure_running(&mut self, window: Duration, usage: impl Fn() -> Usage) {
        let (wake_ups, nanos) = usage().to_numbers();
        thread::sleep(window);
        let (wake_ups_later, nanos_later) = usage().to_numbers();
        let seconds = window.as_secs_f64();
        self.wake_ups.push((wake_ups_later - wake_ups) / seconds);
        self.core
            .push((nanos_later - nanos) / (seconds * 1e9) * 100.0);
    }
}

pub(crate) fn anonymous_mib(process: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).expect("a child");
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.expect("the kernel counts anonymous memory") / 1024.0
}
