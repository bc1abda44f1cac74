//! The stalls that loopmon tells, and whether they are those that were made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loopmon::{Event, Monitor, Phase, Sink, SinkError, Stall, Stalls, WorkerName};

use super::{Blocker, wait_until};

/// What a worker may take by default.
pub(crate) const THRESHOLD: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 100 });

/// A sink that keeps what it is told of stalls.
#[derive(Clone, Debug, Default)]
pub(crate) struct StallLog(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    stalls: Vec<Stall>,
    /// The stalls in the windows of the samples.
    samples: Vec<Stalls>,
    /// Of each start, whether hooks are in the runtime.
    hooks: Vec<bool>,
    ends: usize,
}

impl StallLog {
    /// All records so far.
    pub(crate) fn all(&self) -> Vec<Stall> {
        self.lock().stalls.clone()
    }

    pub(crate) fn of(&self, phase: Phase) -> Vec<Stall> {
        let mut stalls = self.all();
        stalls.retain(|stall| stall.phase == phase);
        stalls
    }

    /// The records of this phase, as soon as there are so many.
    #[track_caller]
    pub(crate) fn wait_for(&self, phase: Phase, count: usize) -> Vec<Stall> {
        wait_until(|| self.of(phase), |stalls| stalls.len() >= count)
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        self.all().iter().map(|stall| stall.phase).collect()
    }

    pub(crate) fn samples(&self) -> Vec<Stalls> {
        self.lock().samples.clone()
    }

    pub(crate) fn hooks(&self) -> Vec<bool> {
        self.lock().hooks.clone()
    }

    pub(crate) fn ends(&self) -> usize {
        self.lock().ends
    }

    /// Each of these threads is told while it is kept, by its runtime and worker and with
    /// no wrong cause; they are let go, and each end is told. Nobody else is.
    #[track_caller]
    pub(crate) fn tells_all(&self, blockers: &[Blocker]) {
        let before = self.of(Phase::Started).len();
        let started = self.wait_for(Phase::Started, before + blockers.len());
        let ids: Vec<_> = blockers
            .iter()
            .map(|blocker| {
                let note = blocker.note();
                let mut new = started[before..].iter();
                let told = new.find(|stall| {
                    note.runtime.as_deref() == Some(&*stall.runtime) && note.worker == stall.worker
                });
                let told = told.unwrap_or_else(|| panic!("{note:?} is not in {started:#?}"));
                blocker.kind().is_told_as(told);
                told.id
            })
            .collect();
        for blocker in blockers {
            assert_eq!(blocker.note().length, None, "it was told while it lasted");
            blocker.let_go();
        }
        for (blocker, id) in blockers.iter().zip(ids) {
            self.tells_the_end(blocker, id);
        }
        let started = self.of(Phase::Started);
        assert_eq!(started.len(), before + blockers.len(), "{started:#?}");
        self.has_unique_ids();
    }

    /// The end of this stall is told, which is no shorter than the thread was kept.
    #[track_caller]
    pub(crate) fn tells_the_end(&self, blocker: &Blocker, id: u64) -> Stall {
        let find = || {
            self.of(Phase::Ended)
                .into_iter()
                .find(|stall| stall.id == id)
        };
        let ended = wait_until(find, Option::is_some).expect("waited for it");
        let length = blocker.length();
        assert!(ended.duration >= length, "{ended:#?} was {length:?}");
        ended
    }

    #[track_caller]
    fn has_unique_ids(&self) {
        let started = self.of(Phase::Started);
        let mut ids: Vec<_> = started.iter().map(|stall| stall.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), started.len(), "{started:#?}");
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for StallLog {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let mut kept = self.lock();
        match event {
            Event::Start(start) => kept.hooks.push(start.hooks),
            Event::Sample(sample) => kept.samples.push(sample.window.stalls.clone()),
            Event::Stall(stall) => kept.stalls.push((*stall).clone()),
            Event::End(_) => kept.ends += 1,
            _ => {}
        }
        Ok(())
    }
}

/// Nothing is told as lasting any more.
#[track_caller]
pub(crate) fn nothing_lasts(monitor: &Monitor) {
    wait_until(
        || monitor.snapshot().stalls,
        |stalls| stalls.active == 0 && stalls.age.is_none(),
    );
}

/// The worker of the only stall that has started, and its id.
#[track_caller]
pub(crate) fn only_started(log: &StallLog) -> (WorkerName, u64) {
    let started = log.wait_for(Phase::Started, 1);
    assert_eq!(started.len(), 1, "{started:#?}");
    (started[0].worker, started[0].id)
}
