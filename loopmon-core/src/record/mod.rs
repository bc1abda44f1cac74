//! What reaches the sinks: the only types that cross from the watchdog to them.

#[cfg(feature = "jsonl")]
pub mod json;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::Backtrace;
use crate::snapshot::{Probe, Snapshot};
use crate::stall::{Cause, Culprit, Phase, WorkerName};

/// Something that a sink is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A runtime is monitored from now on.
    Start(&'a Start),
    /// The numbers of a runtime, once a second, or once an interval if that is longer.
    Sample(&'a Sample),
    /// A worker stays away from the scheduler, or is back.
    Stall(&'a Stall),
    /// A runtime is no longer monitored.
    End(&'a End),
}

/// The settings in force for a runtime, and what can be measured on it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Start {
    /// When.
    pub at: Timestamp,
    /// The name of the runtime, unique in the process.
    pub runtime: Arc<str>,
    /// `multi_thread` or `current_thread` (which includes local runtimes).
    pub flavor: &'static str,
    /// How many workers the runtime has.
    pub workers: usize,
    /// The mean time between two pings.
    pub interval: Duration,
    /// How long a worker may stay away from the scheduler.
    pub stall_threshold: Duration,
    /// When stacks may be captured.
    pub backtrace: Backtrace,
    /// How lag is measured.
    pub probe: Probe,
    /// Why lag can't be measured; `None` if it can.
    pub unmeasured: Option<Arc<str>>,
    /// Whether loopmon's hooks are in the runtime. Without them the watchdog looks at
    /// the workers every tick, also while all of them are parked.
    pub hooks: bool,
    /// Why stalls can't be told; `None` if they can.
    pub unjudged: Option<Arc<str>>,
    /// Why the code that keeps a worker can't be seen; `None` if it can.
    pub no_stacks: Option<Arc<str>>,
    /// How much of that code the program's symbols can name; `None` if it is not known.
    pub symbols: Option<&'static str>,
}

/// The numbers of a runtime.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// The time since the previous sample.
    pub window: Snapshot,
    /// The time since the runtime was first monitored.
    pub total: Snapshot,
    /// What loopmon has lost so far; empty as long as nothing was.
    pub dropped: Vec<Dropped>,
}

/// A worker that stays away from the scheduler for at least the threshold: it is told
/// when that is reached, again at twice, four times, eight times … the threshold, and
/// when the worker is back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// When.
    pub at: Timestamp,
    /// Which part of its life this tells.
    pub phase: Phase,
    /// The same in all records of this stall, and no other stall of the process has it.
    pub id: u64,
    /// The name of the runtime.
    pub runtime: Arc<str>,
    /// Who stays away.
    pub worker: WorkerName,
    /// How long it has lasted so far, or lasted in all: at most this long, and at least
    /// [`duration_error`](Self::duration_error) less.
    pub duration: Duration,
    /// How much shorter it may be.
    pub duration_error: Duration,
    /// Why.
    pub cause: Cause,
    /// The code that keeps the worker; `None` where it has no name, or none yet.
    pub culprit: Option<Arc<Culprit>>,
    /// Why that code has no name; `None` if it has one, or nobody looked.
    pub unnamed: Option<Arc<str>>,
    /// How long a ready event has been waiting for the loop because of it; `None` if none
    /// is, because other workers go on.
    pub lag: Option<Duration>,
    /// Tasks in the queue that all workers share.
    pub global_queue_depth: Option<usize>,
    /// How many workers are parked.
    pub parked: usize,
    /// How many workers the runtime has.
    pub workers: usize,
    /// Whether it was asked for by `LOOPMON_DRILL`.
    pub drill: bool,
    /// Whether logs should leave it out, because there are too many of its kind. All are
    /// counted in [`Snapshot::stalls`].
    pub muted: bool,
    /// How many stalls of its kind were left out since one was told.
    pub held_back: u64,
}

impl Stall {
    /// What to do about it: about this very call if it is a known one, else about its cause.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        let culprit = self.culprit.as_deref()?;
        culprit.advice.or_else(|| self.cause.advice())
    }
}

/// The last that is heard of a runtime.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// The whole time that the runtime was monitored.
    pub total: Snapshot,
    /// The threshold that was in force.
    pub stall_threshold: Duration,
    /// What loopmon has lost so far; empty if nothing was.
    pub dropped: Vec<Dropped>,
}

/// Something that loopmon has lost, counted since the start of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// What: `event` or `answer`.
    pub what: &'static str,
    /// The sink that lost events, or the runtime whose answers were lost.
    pub from: Arc<str>,
    /// How many.
    pub count: u64,
}

/// An event on its way to the sinks.
#[derive(Debug)]
pub(crate) enum Record {
    Start(Start),
    Sample(Box<Sample>),
    Stall(Box<Stall>),
    End(Box<End>),
}

impl Record {
    pub(crate) fn as_event(&self) -> Event<'_> {
        match self {
            Self::Start(start) => Event::Start(start),
            Self::Sample(sample) => Event::Sample(sample),
            Self::Stall(stall) => Event::Stall(stall),
            Self::End(end) => Event::End(end),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Instant;

    use super::*;
    use crate::stall::tests::culprit;

    /// One that has just reached the threshold.
    pub(crate) fn stall(cause: Cause) -> Stall {
        Stall {
            at: Timestamp::at(Instant::now()),
            phase: Phase::Started,
            id: 1,
            runtime: "main".into(),
            worker: WorkerName::Index(1),
            duration: Duration::from_millis(104),
            duration_error: Duration::ZERO,
            cause,
            culprit: Some(Arc::new(culprit("myapp::config::load"))),
            unnamed: None,
            lag: None,
            global_queue_depth: Some(7),
            parked: 3,
            workers: 4,
            drill: false,
            muted: false,
            held_back: 0,
        }
    }
}
