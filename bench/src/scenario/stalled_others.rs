//! Other stalls than one worker of several: two at once, all of them, the root future,
//! a runtime with one thread, eight runtimes side by side. Is each told, of the right
//! worker and runtime?

use std::thread;
use std::time::Duration;

use loopmon::{Monitor, Probe};
use tokio::runtime::{Builder, Runtime};

use super::Effort;
use crate::blocker::{Kind, Place, block};
use crate::dice::Dice;
use crate::report::Report;
use crate::tally::{THRESHOLD, Tally};
use crate::truth::{Notes, Truth};
use crate::witness::Witness;

const SHORTEST: Duration = Duration::from_millis(150);
const LONGEST: Duration = Duration::from_millis(400);
/// Long enough for all workers to park, and for the phase of the watchdog to be any.
const PAUSE: (Duration, Duration) = (Duration::from_millis(30), Duration::from_millis(60));

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let witness = Witness::default();
    // The first runtime fixes the sinks of the process, and lives as long as the others.
    let mut idle = Builder::new_current_thread();
    let first = witness.monitor().probe(Probe::None).build(&mut idle);
    let (first, its_monitor) = first.expect("a runtime");
    let mut trier = Trier {
        report: &mut report,
        witness,
        dice: Dice::new(2),
        trials: effort.pick(40, 5),
    };
    trier.try_workers("two of four", 2);
    trier.try_workers("four of four", 4);
    trier.try_root("root", Builder::new_multi_thread().worker_threads(4));
    trier.try_root("current thread, root", &mut Builder::new_current_thread());
    trier.try_task_of_one_thread();
    trier.try_eight_runtimes();
    drop(first);
    its_monitor.shutdown();
    report
}

struct Trier<'a> {
    report: &'a mut Report,
    witness: Witness,
    dice: Dice,
    trials: usize,
}

type Watched = (Runtime, Monitor);

impl Trier<'_> {
    fn length(&mut self) -> Duration {
        self.dice.between(SHORTEST, LONGEST)
    }

    /// Tries `block` many times, which blocks some of `runtimes` and returns when it is over.
    fn try_all(
        &mut self,
        of: &str,
        runtimes: Vec<Watched>,
        block: impl Fn(&mut Self, &[Watched], Kind) -> Vec<Notes>,
    ) {
        let mut tally = Tally::default();
        for trial in 0..self.trials {
            thread::sleep(self.dice.between(PAUSE.0, PAUSE.1));
            let (_, first) = &runtimes[0];
            let before = first.snapshot();
            let kind = Kind::ALL[trial % Kind::ALL.len()];
            let notes = block(self, &runtimes, kind);
            let told = self.witness.take();
            let host_lag = first.snapshot().since(&before).host_lag.max();
            if !self.report.keeps(host_lag) {
                continue;
            }
            for ((_, monitor), notes) in runtimes.iter().zip(notes) {
                let of_it = told.iter().filter(|told| *told.runtime == *monitor.name());
                let truths = merged(notes.read());
                tally.add(
                    &truths,
                    of_it.cloned().collect(),
                    host_lag.unwrap_or_default(),
                );
            }
        }
        for (runtime, monitor) in runtimes {
            drop(runtime);
            monitor.shutdown();
        }
        tally.report_who(self.report, of);
    }

    fn try_workers(&mut self, of: &str, blocked: usize) {
        let runtime = watched(Builder::new_multi_thread().worker_threads(4));
        self.try_all(of, vec![runtime], |trier, runtimes, kind| {
            let (notes, lengths) = (Notes::new(blocked), (0..blocked).map(|_| trier.length()));
            let tasks: Vec<_> = lengths
                .map(|length| spawn_blocker(&runtimes[0].0, kind, length, &notes))
                .collect();
            for task in tasks {
                runtimes[0].0.block_on(task).expect("it ends");
            }
            vec![notes]
        });
    }

    fn try_root(&mut self, of: &str, tokio: &mut Builder) {
        let runtime = watched(tokio);
        self.try_all(of, vec![runtime], |trier, runtimes, kind| {
            let ((runtime, monitor), length) = (&runtimes[0], trier.length());
            let notes = Notes::new(1);
            runtime.block_on(monitor.root(async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                block(kind, Place::Root, length, &notes);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }));
            vec![notes]
        });
    }

    fn try_task_of_one_thread(&mut self) {
        let runtime = watched(&mut Builder::new_current_thread());
        self.try_all(
            "current thread, task",
            vec![runtime],
            |trier, runtimes, kind| {
                let ((runtime, monitor), length) = (&runtimes[0], trier.length());
                let notes = Notes::new(1);
                let task = spawn_blocker(runtime, kind, length, &notes);
                let root = monitor.root(async {
                    task.await.expect("it ends");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                });
                runtime.block_on(root);
                vec![notes]
            },
        );
    }

    /// One worker blocked in some of eight runtimes, in half of the trials in all of them.
    fn try_eight_runtimes(&mut self) {
        let runtimes = (0..8).map(|_| watched(Builder::new_multi_thread().worker_threads(2)));
        let runtimes = runtimes.collect();
        self.try_all("eight runtimes", runtimes, |trier, runtimes, kind| {
            let (all, mut tasks) = (trier.dice.coin(), Vec::new());
            let notes: Vec<_> = runtimes.iter().map(|_| Notes::new(1)).collect();
            for ((runtime, _), notes) in runtimes.iter().zip(&notes) {
                if all || trier.dice.coin() {
                    tasks.push((runtime, spawn_blocker(runtime, kind, trier.length(), notes)));
                }
            }
            for (runtime, task) in tasks {
                runtime.block_on(task).expect("it ends");
            }
            notes
        });
    }
}

fn watched(tokio: &mut Builder) -> Watched {
    let watched = Monitor::builder().stall_threshold(THRESHOLD);
    watched.build(tokio.enable_all()).expect("a runtime")
}

fn spawn_blocker(
    runtime: &Runtime,
    kind: Kind,
    length: Duration,
    notes: &Notes,
) -> tokio::task::JoinHandle<()> {
    let pad = notes.clone();
    runtime.spawn(async move { block(kind, Place::Task, length, &pad) })
}

/// A worker that takes one blocker right after the other was away once.
fn merged(mut truths: Vec<Truth>) -> Vec<Truth> {
    const BETWEEN: Duration = Duration::from_millis(1);
    truths.sort_by_key(|truth| (truth.worker, truth.started));
    truths.dedup_by(|later, earlier| {
        let follows = later.started.saturating_duration_since(earlier.ended) < BETWEEN;
        let same = later.worker == earlier.worker && follows;
        if same {
            earlier.ended = later.ended;
        }
        same
    });
    truths
}
