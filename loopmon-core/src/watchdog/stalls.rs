use std::sync::Arc;
use std::time::{Duration, Instant};

use super::case::{Case, Open, Saying};
use super::workers::Witness;
use crate::clock::Timestamp;
use crate::record::{Record, Stall};
use crate::registry::{Process, Watched};
use crate::stack::{Explanation, Next, Stacks};
use crate::stall::{Cause, Change, Extent, Limit, Phase, Telling, WorkerName};

/// The stalls of one runtime that last, and how they are told.
#[derive(Debug, Default)]
pub(super) struct StallTeller {
    /// At most one for each who may stay away, and those that wait for an explanation.
    cases: Vec<Case>,
}

/// What the watchdog has for all runtimes together.
pub(super) struct Means<'a> {
    pub(super) limit: &'a mut Limit,
    pub(super) stacks: &'a mut Stacks,
    pub(super) process: &'a Process,
}

impl Means<'_> {
    pub(super) fn reborrow(&mut self) -> Means<'_> {
        Means {
            limit: self.limit,
            stacks: self.stacks,
            process: self.process,
        }
    }
}

impl StallTeller {
    pub(super) fn witness<'a>(
        &'a mut self,
        now: Instant,
        watched: &'a Watched,
        means: Means<'a>,
    ) -> StallWitness<'a> {
        StallWitness {
            cases: &mut self.cases,
            now,
            watched,
            means,
        }
    }

    /// When the first of those that wait for an explanation has waited long enough.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.cases.iter().filter_map(Case::held_until).min()
    }
}

/// Makes records of what a look has brought to light, and counts.
pub(super) struct StallWitness<'a> {
    pub(super) cases: &'a mut Vec<Case>,
    pub(super) now: Instant,
    pub(super) watched: &'a Watched,
    pub(super) means: Means<'a>,
}

impl Witness for StallWitness<'_> {
    fn change(&mut self, worker: WorkerName, cause: Cause, change: Change, parked: usize) {
        match change {
            Change::Suspected => self.suspect(worker, cause),
            Change::Started(extent) => {
                let index = self.start(worker, cause, extent);
                self.tell(index, Phase::Started, extent, parked);
                self.explain(index);
            }
            Change::Ongoing(extent) => {
                if let Some(index) = self.find(worker, cause) {
                    self.tell(index, Phase::Ongoing, extent, parked);
                }
            }
            Change::Ended(extent) => {
                if let Some(index) = self.find(worker, cause) {
                    self.tell(index, Phase::Ended, extent, parked);
                    self.end(index, extent);
                }
            }
        }
    }

    fn lasts(&mut self, worker: WorkerName, cause: Cause, seen: Duration) {
        let Some(index) = self.find(worker, cause) else {
            return;
        };
        if let Some(case) = self.cases.get_mut(index)
            && let Some(id) = case.id()
        {
            case.seen = seen;
            self.watched.stalls().go_on(id, seen);
        }
        self.look_again(index);
    }
}

impl StallWitness<'_> {
    fn start(&mut self, worker: WorkerName, cause: Cause, extent: Extent) -> usize {
        let suspected = |case: &Case| case.stall.is_none() && case.worker == worker;
        let index = self.cases.iter().position(suspected);
        let index = index.unwrap_or_else(|| self.open_case(worker, cause));
        let drill = self.watched.drilled().map(WorkerName::Index) == Some(worker);
        let id = self.means.process.next_stall();
        let mut wanted = None;
        if let Some(case) = self.cases.get_mut(index) {
            case.known = cause;
            case.start(id, drill, self.now);
            wanted = case.wanted.take();
        }
        self.watched.stalls().start(id, drill, extent.at_least);
        self.look(index, wanted == Some(Next::Wider));
        index
    }

    pub(super) fn open_case(&mut self, worker: WorkerName, cause: Cause) -> usize {
        let number = self.means.process.next_question();
        self.cases.push(Case::new(number, worker, cause));
        self.cases.len() - 1
    }

    /// Tells those that have waited long enough without an explanation.
    pub(super) fn stop_waiting(&mut self, now: Instant) {
        let overdue = |case: &Case| case.held_until().is_some_and(|until| until <= now);
        while let Some(index) = self.cases.iter().position(overdue) {
            self.settle_so_far(index);
        }
    }

    /// Nothing more will be found out.
    fn settle_so_far(&mut self, index: usize) {
        let so_far = self
            .cases
            .get_mut(index)
            .and_then(|case| case.so_far.take());
        let nothing = || Explanation::unnamed(Cause::Unknown, "it took too long to find out");
        self.settle(index, so_far.unwrap_or_else(nothing));
    }

    /// It is known now, as far as it will be: what was held goes out.
    pub(super) fn settle(&mut self, index: usize, explanation: Explanation) {
        let Some(case) = self.cases.get_mut(index) else {
            return;
        };
        case.wanted = None;
        let Some(stall) = &mut case.stall else { return };
        let (watched, limit) = (self.watched, &mut *self.means.limit);
        let culprit = explanation.culprit.as_ref();
        // A drill is asked for once, and is told.
        let (telling, mut held_back) = if stall.drill {
            (Telling::InFull, 0)
        } else {
            let function = culprit.map(|culprit| Arc::clone(&culprit.function));
            let kind = (Arc::clone(&watched.name), explanation.cause, function);
            limit.start(&kind, self.now)
        };
        let mut book = watched.stalls();
        book.blame(
            stall.id,
            explanation.cause,
            culprit.map(|culprit| &**culprit),
            Timestamp::at(self.now),
        );
        if telling == Telling::Not && explanation.cause.is_stall() {
            book.hold_back();
        }
        drop(book);
        let saying = Saying::Out {
            explanation,
            telling,
        };
        let records = match std::mem::replace(&mut stall.saying, saying) {
            Saying::Held { records, .. } => records,
            Saying::Out { .. } => Vec::new(),
        };
        for mut record in records {
            if record.phase == Phase::Started {
                record.held_back = std::mem::take(&mut held_back);
            }
            self.send(index, record);
        }
        self.forget_if_ended(index);
    }

    fn tell(&mut self, index: usize, phase: Phase, extent: Extent, parked: usize) {
        let (watched, now) = (self.watched, self.now);
        let queued = watched.with_hold(|hold| hold.metrics.global_queue_depth());
        let Some(case) = self.cases.get_mut(index) else {
            return;
        };
        let Some(stall) = &mut case.stall else { return };
        let record = Stall {
            at: Timestamp::at(now),
            phase,
            id: stall.id,
            runtime: Arc::clone(&watched.name),
            worker: case.worker,
            duration: extent.at_most,
            duration_error: extent.at_most.saturating_sub(extent.at_least),
            cause: case.known,
            culprit: None,
            unnamed: None,
            lag: lag(watched, phase, now),
            global_queue_depth: queued,
            parked,
            workers: watched.num_workers,
            drill: stall.drill,
            muted: false,
            held_back: 0,
        };
        match &mut stall.saying {
            Saying::Held { records, .. } => records.push(record),
            Saying::Out { .. } => self.send(index, record),
        }
    }

    /// Sends a record with all that is known.
    fn send(&mut self, index: usize, mut record: Stall) {
        let stall = self.cases.get(index).and_then(|case| case.stall.as_ref());
        let Some(Open {
            saying:
                Saying::Out {
                    explanation,
                    telling,
                },
            ..
        }) = stall
        else {
            return;
        };
        record.cause = explanation.cause;
        record.culprit.clone_from(&explanation.culprit);
        record.unnamed.clone_from(&explanation.unnamed);
        let wanted = telling.tells(record.phase);
        // The line of a start has been counted already, and what is not wanted takes none.
        let told = wanted && (record.phase == Phase::Started || self.means.limit.line(self.now));
        record.muted = !told;
        self.means.process.push(Record::Stall(Box::new(record)));
    }

    fn end(&mut self, index: usize, extent: Extent) {
        let Some(case) = self.cases.get_mut(index) else {
            return;
        };
        let Some(stall) = &mut case.stall else { return };
        stall.ended = Some(extent);
        self.watched.stalls().returned(stall.id);
        let wanted = case.wanted.take().is_some();
        if wanted && case.open == 0 {
            return self.settle_so_far(index); // There will be no other look.
        }
        self.forget_if_ended(index);
    }

    fn forget_if_ended(&mut self, index: usize) {
        let stall = self.cases.get(index).and_then(|case| case.stall.as_ref());
        if let Some(Open {
            id,
            saying: Saying::Out { .. },
            ended: Some(extent),
            ..
        }) = stall
        {
            self.watched.stalls().end(*id, *extent);
            self.cases.swap_remove(index);
        }
    }

    /// The stall of this worker that lasts.
    fn find(&self, worker: WorkerName, cause: Cause) -> Option<usize> {
        self.cases.iter().position(|case| {
            case.stall.is_some() && case.lasts() && (case.worker, case.known) == (worker, cause)
        })
    }
}

/// How late the loop is: while the stall lasts, the age of the ping that waits; after it,
/// what that ping has got for an answer.
fn lag(watched: &Watched, phase: Phase, now: Instant) -> Option<Duration> {
    let waiting = watched.waiting(now);
    match phase {
        Phase::Ended => waiting.max(watched.line.last()),
        Phase::Started | Phase::Ongoing => waiting,
    }
}
