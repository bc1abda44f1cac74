//! What reaches the sinks: the only types that cross from the watchdog to them.

#[cfg(feature = "jsonl")]
pub mod json;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::Backtrace;
use crate::snapshot::{Probe, Snapshot};

/// Something that a sink is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A runtime is monitored from now on.
    Start(&'a Start),
    /// The numbers of a runtime, once a second, or once an interval if that is longer.
    Sample(&'a Sample),
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
    /// Whether loopmon's hooks are in the runtime.
    pub hooks: bool,
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
    End(Box<End>),
}

impl Record {
    pub(crate) fn as_event(&self) -> Event<'_> {
        match self {
            Self::Start(start) => Event::Start(start),
            Self::Sample(sample) => Event::Sample(sample),
            Self::End(end) => Event::End(end),
        }
    }
}
