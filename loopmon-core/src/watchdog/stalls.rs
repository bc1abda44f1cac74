use std::sync::Arc;
use std::time::{Duration, Instant};

use super::workers::Witness;
use crate::clock::Timestamp;
use crate::record::{Record, Stall};
use crate::registry::{Process, Watched};
use crate::stall::{Cause, Change, Extent, Limit, Phase, Telling, WorkerName};

/// The stalls of one runtime that last, and how they are told.
#[derive(Debug, Default)]
pub(super) struct StallTeller {
    /// At most one for each who may stay away.
    lasting: Vec<Lasting>,
}

#[derive(Clone, Copy, Debug)]
struct Lasting {
    worker: WorkerName,
    cause: Cause,
    id: u64,
    drill: bool,
    telling: Telling,
}

impl StallTeller {
    pub(super) fn witness<'a>(
        &'a mut self,
        now: Instant,
        watched: &'a Watched,
        limit: &'a mut Limit,
        process: &'a Process,
    ) -> StallWitness<'a> {
        StallWitness {
            lasting: &mut self.lasting,
            now,
            watched,
            limit,
            process,
        }
    }
}

/// Makes records of what a look has brought to light, and counts.
pub(super) struct StallWitness<'a> {
    lasting: &'a mut Vec<Lasting>,
    now: Instant,
    watched: &'a Watched,
    limit: &'a mut Limit,
    process: &'a Process,
}

impl Witness for StallWitness<'_> {
    fn change(&mut self, worker: WorkerName, cause: Cause, change: Change, parked: usize) {
        let (stall, phase, extent, muted, held_back) = match change {
            Change::Started(extent) => {
                let (stall, held_back) = self.start(worker, cause, extent);
                let muted = stall.telling == Telling::Not;
                (stall, Phase::Started, extent, muted, held_back)
            }
            Change::Ongoing(extent) => {
                let Some(stall) = self.find(worker, cause) else {
                    return;
                };
                let muted = stall.telling != Telling::InFull || !self.limit.line(self.now);
                (stall, Phase::Ongoing, extent, muted, 0)
            }
            Change::Ended(extent) => {
                let Some(stall) = self.find(worker, cause) else {
                    return;
                };
                self.lasting.retain(|lasting| lasting.id != stall.id);
                self.watched.stalls().end(stall.id, extent);
                let muted = stall.telling == Telling::Not || !self.limit.line(self.now);
                (stall, Phase::Ended, extent, muted, 0)
            }
        };
        let queued = self
            .watched
            .with_hold(|hold| hold.metrics.global_queue_depth());
        self.process.push(Record::Stall(Box::new(Stall {
            at: Timestamp::at(self.now),
            phase,
            id: stall.id,
            runtime: Arc::clone(&self.watched.name),
            worker,
            duration: extent.at_most,
            duration_error: extent.at_most.saturating_sub(extent.at_least),
            cause,
            lag: self.lag(phase),
            global_queue_depth: queued,
            parked,
            workers: self.watched.num_workers,
            drill: stall.drill,
            muted,
            held_back,
        })));
    }

    fn lasts(&mut self, worker: WorkerName, cause: Cause, seen: Duration) {
        if let Some(stall) = self.find(worker, cause) {
            self.watched.stalls().go_on(stall.id, seen);
        }
    }
}

impl StallWitness<'_> {
    fn start(&mut self, worker: WorkerName, cause: Cause, extent: Extent) -> (Lasting, u64) {
        let drilled = self.watched.drilled().map(WorkerName::Index);
        let drill = drilled == Some(worker);
        // A drill is asked for once, and is told.
        let (telling, held_back) = if drill {
            (Telling::InFull, 0)
        } else {
            let kind = (Arc::clone(&self.watched.name), cause);
            self.limit.start(&kind, self.now)
        };
        let stall = Lasting {
            worker,
            cause,
            id: self.process.next_stall(),
            drill,
            telling,
        };
        self.lasting.push(stall);
        let mut book = self.watched.stalls();
        book.start(stall.id, cause, drill, extent.at_least);
        if telling == Telling::Not {
            book.hold_back();
        }
        (stall, held_back)
    }

    fn find(&self, worker: WorkerName, cause: Cause) -> Option<Lasting> {
        let mut lasting = self.lasting.iter();
        lasting
            .find(|lasting| (lasting.worker, lasting.cause) == (worker, cause))
            .copied()
    }

    /// How late the loop is: while the stall lasts, the age of the ping that waits; after
    /// it, what that ping has got for an answer.
    fn lag(&self, phase: Phase) -> Option<Duration> {
        let waiting = self.watched.waiting(self.now);
        match phase {
            Phase::Ended => waiting.max(self.watched.line.last()),
            Phase::Started | Phase::Ongoing => waiting,
        }
    }
}
