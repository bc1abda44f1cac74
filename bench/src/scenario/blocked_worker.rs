//! One of four workers blocked, in all ways and for random lengths. The others take
//! over, so there is no lag; does the busy time point to the right worker, by the
//! right amount?

use std::time::Duration;

use loopmon::Snapshot;
use tokio::runtime::Builder;

use super::Effort;
use crate::blocker::{Kind, block_worker};
use crate::quiet::monitor;
use crate::report::Report;
use crate::stats::spread;
use crate::truth::{Notes, Truth};

const WORKERS: usize = 4;
/// Long enough for a worker to find nothing to do.
const PARKED: Duration = Duration::from_millis(10);

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let trials = effort.pick(100, 12);
    let notes = Notes::new(trials);
    let (runtime, monitor) = monitor()
        .build(
            Builder::new_multi_thread()
                .enable_all()
                .worker_threads(WORKERS),
        )
        .expect("a runtime");
    let (mut right, mut counted, mut errors) = (0_u32, 0_u32, Vec::new());
    for trial in 0..trials {
        let kind = Kind::ALL[trial % Kind::ALL.len()];
        // 150 to 400 ms in steps that share no factor with the number of kinds.
        let length = Duration::from_millis(150 + (trial as u64 * 37) % 250);
        let worker = trial / Kind::ALL.len() % WORKERS;
        let before = monitor.snapshot();
        assert!(
            runtime.block_on(block_worker(worker, WORKERS, kind, length, &notes)),
            "it is met"
        );
        // Tokio publishes the busy time when the worker parks.
        runtime.block_on(async { tokio::time::sleep(PARKED).await });
        let window = monitor.snapshot().since(&before);
        let truth = *notes.read().last().expect("the blocker notes the truth");
        if !report.keeps(window.host_lag.max()) {
            continue;
        }
        counted += 1;
        match judge(&window, &truth) {
            Ok(error) => {
                right += 1;
                errors.push(error);
            }
            Err(why) => report.note(why),
        }
    }
    drop(runtime);
    monitor.shutdown();
    report.goal(
        "the busiest worker is the blocked one",
        format!("{right} of {counted}"),
        "all",
        right == counted && counted > 0,
    );
    report.note(format!(
        "busy time above the block {}",
        spread(&errors, "ms")
    ));
    report
}

/// By how many ms the blocked worker's busy time exceeds the block, if it is the
/// busiest.
fn judge(window: &Snapshot, truth: &Truth) -> Result<f64, String> {
    let busiest = window.workers.iter().max_by_key(|worker| worker.busy);
    match busiest {
        Some(worker) if Some(worker.index) == truth.worker => {
            Ok((worker.busy.as_secs_f64() - truth.length().as_secs_f64()) * 1e3)
        }
        other => Err(format!(
            "missed: {:?} in a {:?} on worker {:?} for {:?}; the busiest was {other:?}",
            truth.kind,
            truth.place,
            truth.worker,
            truth.length(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocker::Place;
    use std::time::Instant;

    #[test]
    fn a_monitor_that_saw_nothing_is_found_out() {
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .worker_threads(2)
            .build()
            .unwrap();
        let monitor = monitor().attach(runtime.handle()).unwrap();
        let before = monitor.snapshot();
        let nothing = monitor.snapshot().since(&before);
        let started = Instant::now();
        let ended = started + Duration::from_millis(300);
        let truth = Truth {
            kind: Kind::Sleep,
            place: Place::Task,
            worker: Some(7),
            started,
            ended,
            around: None,
        };
        let missed = judge(&nothing, &truth).unwrap_err();
        assert!(missed.contains("worker Some(7) for 300ms"), "{missed}");
        monitor.shutdown();
    }
}
