use std::sync::Arc;
use std::time::{Duration, Instant};

use super::RawStack;
use crate::inside::{Seats, Threads};
use crate::stall::{Doing, Judged, Sighting, WorkerName};
use crate::sys::ThreadId;

/// Whose stack is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whom<'a> {
    pub(crate) worker: WorkerName,
    pub(crate) judged: Judged,
    /// The thread inside `block_on`.
    pub(crate) root: Option<ThreadId>,
    pub(crate) seats: &'a Seats,
    /// `None` where the runtime was built without our hooks.
    pub(crate) threads: Option<&'a Threads>,
    /// Also threads are to be looked at that nothing points to.
    pub(crate) wide: bool,
    /// How long a thread may take to answer.
    pub(crate) patience: Duration,
    /// Whether a thread that sleeps may be asked by a signal.
    pub(crate) always: bool,
}

/// One look at a worker: the threads that may be its own.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) at: Instant,
    pub(crate) candidates: Vec<Candidate>,
    /// Whether all threads that may be the worker's were looked at.
    pub(crate) wide: bool,
    /// Why there are none, or not all.
    pub(crate) obstacle: Option<Arc<str>>,
}

/// A thread that may be the one that is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) thread: ThreadId,
    pub(crate) claim: Claim,
    pub(crate) cpu_time: Option<Duration>,
    pub(crate) sleeps: Option<u64>,
    pub(crate) doing: Doing,
    pub(crate) stack: Option<RawStack>,
}

/// Why a thread is taken for the worker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It has said so itself, or can't be another's.
    Sure,
    /// It was when it was seen last.
    Seat,
    /// It is a thread of the runtime, and no other worker's as far as is known.
    None,
}

impl Look {
    /// Nobody could be looked at.
    pub(crate) fn none(at: Instant, why: &str) -> Self {
        Self {
            at,
            candidates: Vec::new(),
            wide: true,
            obstacle: Some(why.into()),
        }
    }

    pub(crate) fn candidate(&self, thread: ThreadId) -> Option<&Candidate> {
        let mut candidates = self.candidates.iter();
        candidates.find(|candidate| candidate.thread == thread)
    }

    /// What `thread` was doing.
    pub(crate) fn sighting(&self, thread: ThreadId) -> Option<Sighting> {
        self.candidate(thread).map(|candidate| Sighting {
            at: self.at,
            cpu_time: candidate.cpu_time,
            sleeps: candidate.sleeps,
            doing: candidate.doing,
        })
    }
}
