//! As `driver-starvation`, with settings that nobody has changed: at the default interval
//! most blocks end between two pings. The watchdog rings out of turn when a worker does
//! not move; does the lag show what a victim's socket waits?

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use loopmon::Monitor;
use tokio::runtime::Builder;

use super::Effort;
use super::driver_starvation::victims_wait;
use crate::blocker::Kind;
use crate::dice::Dice;
use crate::report::Report;
use crate::stats::{median, quantile, spread};
use crate::tally::THRESHOLD;
use crate::witness::Witness;

/// Blocks begin at any instant between two pings.
const INTERVAL: Duration = Duration::from_millis(250);

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let (witness, mut dice) = (Witness::default(), Dice::new(3));
    let mut tokio = Builder::new_multi_thread();
    let watched = witness.monitor().stall_threshold(THRESHOLD);
    let (runtime, monitor) = watched
        .build(tokio.enable_all().worker_threads(4))
        .expect("a runtime");
    let (mut polled, mut told, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    for trial in 0..effort.pick(100, 8) {
        thread::sleep(dice.between(INTERVAL, INTERVAL * 2));
        let before = monitor.snapshot();
        let kind = Kind::ALL[trial % Kind::ALL.len()];
        let (wait, most) = greatest_lag(&monitor, || victims_wait(&runtime, kind));
        let stalls = witness.take();
        let host_lag = monitor.snapshot().since(&before).host_lag.max();
        if let (true, Some(wait)) = (report.keeps(host_lag), wait) {
            waits.push(wait);
            polled.push(most.as_secs_f64() * 1e3 / wait);
            let lag = stalls.iter().filter_map(|told| told.lag).max();
            told.push(lag.unwrap_or_default().as_secs_f64() * 1e3 / wait);
        }
    }
    drop(runtime);
    monitor.shutdown();
    judge(&mut report, "greatest present lag", &polled);
    judge(&mut report, "lag in the stall's records", &told);
    report.note(format!("wait {}", spread(&waits, "ms")));
    report
}

/// What `work` returns, and the greatest lag that the program could read meanwhile.
fn greatest_lag<T>(monitor: &Monitor, work: impl FnOnce() -> T) -> (T, Duration) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut most = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                most = most.max(monitor.lag().unwrap_or_default());
                thread::sleep(Duration::from_millis(1));
            }
            most
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, reader.join().expect("the reader ends"))
    })
}

fn judge(report: &mut Report, what: &str, shares: &[f64]) {
    let enough = shares.iter().filter(|share| **share >= 0.9).count();
    report.goal(
        &format!("{what} over the victim's wait, median"),
        format!(
            "{:.2} (least {:.2}; at least 0.9 in {enough} of {})",
            median(shares),
            quantile(shares, 0.0),
            shares.len()
        ),
        "at least 0.9",
        median(shares) >= 0.9,
    );
}
