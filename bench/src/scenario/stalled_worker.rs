//! One of four workers blocked at random instants, in all ways and for random lengths.
//! Is it told, while it lasts, of the right worker and with the right length?
//!
//! Half of the blocks come to whichever worker wakes first, as in real life. The others
//! come to a chosen one, after all four have met: they keep their workers busy for a
//! moment before, which counts as time away and is no part of the true length.

use std::thread;
use std::time::Duration;

use loopmon::Monitor;
use tokio::runtime::{Builder, Runtime};

use super::Effort;
use crate::blocker::{Kind, Place, block, block_worker};
use crate::dice::Dice;
use crate::report::Report;
use crate::tally::{THRESHOLD, Tally};
use crate::truth::Notes;
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
    let watched = witness.monitor().stall_threshold(THRESHOLD);
    let (runtime, monitor) = watched.build(&mut tokio).expect("a runtime");
    let (mut woken, mut chosen) = (Tally::default(), Tally::default());
    for trial in 0..effort.pick(200, 16) {
        thread::sleep(dice.between(PAUSE.0, PAUSE.1));
        let kind = Kind::ALL[trial / 2 % Kind::ALL.len()];
        let length = dice.between(SHORTEST, LONGEST);
        let (notes, before) = (Notes::new(1), monitor.snapshot());
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
            tally.add(&notes.read(), told, host_lag);
        }
    }
    drop(runtime);
    monitor.shutdown();
    for (tally, of) in [(&woken, "woken"), (&chosen, "after meeting")] {
        tally.report_who(&mut report, of);
    }
    woken.report_lengths(&mut report, "woken");
    report.note(format!(
        "after meeting: the block alone within what was told {}",
        chosen.said_within()
    ));
    report
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
