use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::record::Stall;
use crate::stack::{Explanation, Look, Next};
use crate::stall::{Cause, Extent, Telling, WorkerName};

/// For so long the records of a stall wait for its explanation. It takes some
/// milliseconds, in a debug build some hundred, and on a machine without a free core longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// No absence is looked at more often than this.
const LOOKS: usize = 6;

/// One absence that may be a stall, from the suspicion on: what was seen of it, and what
/// is said.
#[derive(Debug)]
pub(super) struct Case {
    /// What questions about it are known by.
    pub(super) number: u64,
    pub(super) worker: WorkerName,
    /// What those who watch the workers know of the cause.
    pub(super) known: Cause,
    pub(super) looks: Vec<Arc<Look>>,
    /// What one more look is to look at, if one is wanted,
    pub(super) wanted: Option<Next>,
    /// when that is due, by how long the worker has been away,
    pub(super) due: Duration,
    /// how long after that the next one,
    pub(super) pause: Duration,
    /// and what is known without it.
    pub(super) so_far: Option<Explanation>,
    /// For how long the worker has been seen to be away.
    pub(super) seen: Duration,
    /// Questions about it that have no answer yet.
    pub(super) open: usize,
    /// `None` as long as it is suspected only.
    pub(super) stall: Option<Open>,
}

/// A stall that lasts, or that has ended and is not explained yet.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: u64,
    pub(super) drill: bool,
    pub(super) saying: Saying,
    /// How long it was, if it has ended.
    pub(super) ended: Option<Extent>,
}

/// Whether records of a stall go out.
#[derive(Debug)]
pub(super) enum Saying {
    /// They wait, in this order, for the explanation, and not longer than until then.
    Held { until: Instant, records: Vec<Stall> },
    /// They go out like this.
    Out {
        explanation: Explanation,
        telling: Telling,
    },
}

impl Case {
    pub(super) fn new(number: u64, worker: WorkerName, known: Cause) -> Self {
        Self {
            number,
            worker,
            known,
            looks: Vec::new(),
            wanted: None,
            due: Duration::ZERO,
            pause: Duration::ZERO,
            so_far: None,
            seen: Duration::ZERO,
            open: 0,
            stall: None,
        }
    }

    pub(super) fn start(&mut self, id: u64, drill: bool, now: Instant) {
        self.stall = Some(Open {
            id,
            drill,
            saying: Saying::Held {
                until: now + PATIENCE,
                records: Vec::new(),
            },
            ended: None,
        });
    }

    pub(super) fn id(&self) -> Option<u64> {
        self.stall.as_ref().map(|stall| stall.id)
    }

    /// Whether this is about a worker that is still away.
    pub(super) fn lasts(&self) -> bool {
        self.stall
            .as_ref()
            .is_none_or(|stall| stall.ended.is_none())
    }

    /// One more look is wanted. Each takes twice as long to come as the one before: who gets
    /// no core now may get one later.
    pub(super) fn want(&mut self, next: Next, so_far: Explanation, tick: Duration) {
        self.pause = match next {
            Next::Again => (2 * self.pause).max(tick),
            Next::Settled | Next::Wider => Duration::ZERO,
        };
        self.due = self.seen + self.pause;
        self.wanted = Some(next);
        self.so_far = Some(so_far);
    }

    /// One more look is wanted, whatever the answer will be.
    pub(super) fn want_soon(&mut self, pause: Duration) {
        self.due = self.seen + pause;
        self.wanted = Some(Next::Again);
    }

    /// The look that is due, if one is.
    pub(super) fn take_due(&mut self) -> Option<Next> {
        self.wanted.take_if(|_| self.seen >= self.due)
    }

    /// Whether one more look may be asked for.
    pub(super) fn may_look(&self) -> bool {
        self.looks.len() < LOOKS && self.lasts()
    }

    /// Until when records wait, if some do.
    pub(super) fn held_until(&self) -> Option<Instant> {
        match &self.stall.as_ref()?.saying {
            Saying::Held { until, .. } => Some(*until),
            Saying::Out { .. } => None,
        }
    }
}
