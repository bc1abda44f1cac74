//! One of four workers blocked at random instants, in all ways and for random lengths.
//! Is it told, while it lasts, of the right worker and with the right length?
//!
//! Half of the blocks come to whichever worker wakes first, as in real life. The others
//! come to a chosen one, after all four have met: that keeps their workers busy for a
//! moment before.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use loopmon::Monitor;
use tokio::runtime::{Builder, Runtime};

use super::Effort;
use crate::blocker::{Kind, Place, block, block_worker};
use crate::dice::Dice;
use crate::report::Report;
use crate::tally::{THRESHOLD, Tally};
use crate::truth::{Notes, Truth};
use crate::witness::Witness;

const WORKERS: usize = 4;
const SHORTEST: Duration = Duration::from_millis(150);
const LONGEST: Duration = Duration::from_millis(400);
/// Long enough for all workers to park, and for the phase of the watchdog to be any.
const PAUSE: (Duration, Duration) = (Duration::from_millis(30), Duration::from_millis(60));

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let (witness, mut dice) = (Witness::default(), Dice::new(1));
    let mut tokio = Builder::new_multi_thread();
    tokio.enable_all().worker_threads(WORKERS);
    let parks = Parks::default();
    parks.listen(&mut tokio);
    let watched = witness.monitor().stall_threshold(THRESHOLD);
    let (runtime, monitor) = watched.build(&mut tokio).expect("a runtime");
    let (mut woken, mut chosen) = (Tally::default(), Tally::default());
    for trial in 0..effort.pick(200, 16) {
        thread::sleep(dice.between(PAUSE.0, PAUSE.1));
        let kind = Kind::ALL[trial / 2 % Kind::ALL.len()];
        let length = dice.between(SHORTEST, LONGEST);
        let (notes, before) = (Notes::new(1), monitor.snapshot());
        let begun = parks.begin();
        let tally = if trial % 2 == 0 {
            block_whoever_wakes(&runtime, kind, length, &notes);
            &mut woken
        } else {
            let worker = trial / 8 % WORKERS;
            let blocks = block_worker(worker, WORKERS, kind, length, &notes);
            assert!(runtime.block_on(blocks), "the workers meet");
            &mut chosen
        };
        let told = witness.take();
        if let Some(host_lag) = kept(&mut report, &monitor, &before) {
            let mut truths = notes.read();
            for truth in &mut truths {
                truth.around = Some((begun, parks.first_after(truth)));
            }
            tally.add(&truths, told, host_lag);
        }
    }
    drop(runtime);
    monitor.shutdown();
    for (tally, of) in [(&woken, "woken"), (&chosen, "after meeting")] {
        tally.report_who(&mut report, of);
        tally.report_lengths(&mut report, of);
    }
    report
}

/// When which worker parked, by Tokio's own hook.
#[derive(Clone, Default)]
struct Parks(Arc<Mutex<Vec<Parked>>>);

type Parked = (Option<usize>, Instant);

impl Parks {
    fn listen(&self, tokio: &mut Builder) {
        let parks = self.clone();
        tokio.on_thread_park(move || {
            let parked = (tokio::runtime::worker_index(), Instant::now());
            parks.0.lock().expect("no hook panics").push(parked);
        });
    }

    /// All are parked now.
    fn begin(&self) -> Instant {
        self.0.lock().expect("no hook panics").clear();
        Instant::now()
    }

    fn first_after(&self, truth: &Truth) -> Instant {
        let parks = self.0.lock().expect("no hook panics");
        let mut after = parks.iter();
        let found = after.find(|(worker, at)| *worker == truth.worker && *at >= truth.ended);
        found.expect("a worker parks when it has nothing to do").1
    }
}

/// How late the machine was since `before`, if not too late.
fn kept(report: &mut Report, monitor: &Monitor, before: &loopmon::Snapshot) -> Option<Duration> {
    let host_lag = monitor.snapshot().since(before).host_lag.max();
    report.keeps(host_lag).then(|| host_lag.unwrap_or_default())
}

fn block_whoever_wakes(runtime: &Runtime, kind: Kind, length: Duration, notes: &Notes) {
    let pad = notes.clone();
    let task = runtime.spawn(async move { block(kind, Place::Task, length, &pad) });
    runtime.block_on(task).expect("the task ends");
}
