//! Stalls: workers that stay away from the scheduler. What is said of them here is
//! pure data and pure time; who looks at the workers is the watchdog.

#[cfg(feature = "stacks")]
mod advice;
#[cfg(feature = "stacks")]
mod blame;
mod book;
#[cfg(all(test, feature = "stacks"))]
mod captured;
mod culprit;
mod hotspots;
mod life;
mod limit;
#[cfg(feature = "stacks")]
mod place;
#[cfg(feature = "stacks")]
mod symbol;
mod totals;
mod verdict;

use std::fmt;

#[cfg(feature = "stacks")]
pub(crate) use blame::{OwnCode, blame};
pub(crate) use book::StallBook;
pub use culprit::Culprit;
#[cfg(test)]
pub(crate) use culprit::tests;
pub use hotspots::Hotspot;
pub(crate) use life::{Change, Extent, Life, Look, Mark};
pub(crate) use limit::{Limit, Telling};
pub use totals::{StallTotals, Stalls};
#[cfg(feature = "stacks")]
pub(crate) use verdict::judge;
pub(crate) use verdict::{Doing, Judged, Sighting, Sleep};

/// Why a worker stayed away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// It can't be told: one long poll of a task, or many short ones in a row.
    Unknown,
    /// The worker is in Tokio's I/O and timer driver, which has more to do than it can
    /// do in time: a million timers that are due at once.
    Driver,
    /// One task computes.
    Cpu,
    /// One poll of a task sleeps, in a call or on a lock.
    Blocking,
    /// Many polls follow each other, and none is long: a million small tasks. No
    /// [stall](Self::is_stall).
    ManyPolls,
    /// The worker was ready to run, but the operating system gave it no CPU. No
    /// [stall](Self::is_stall).
    Descheduled,
}

impl Cause {
    /// The word that stands for it in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Driver => "driver",
            Self::Cpu => "cpu",
            Self::Blocking => "blocking",
            Self::ManyPolls => "many_polls",
            Self::Descheduled => "descheduled",
        }
    }

    /// Whether somebody keeps the worker. What is none is counted by its cause, but not
    /// among the stalls, and told at most once a minute.
    #[must_use]
    pub const fn is_stall(self) -> bool {
        !matches!(self, Self::ManyPolls | Self::Descheduled)
    }
}

impl Cause {
    /// What to do where no more than the cause is known of the code.
    pub(crate) const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Cpu => Some(
                "move it into tokio::task::spawn_blocking or a pool such as rayon, or yield in \
                 between with tokio::task::yield_now().await",
            ),
            Self::Blocking => Some("move the blocking call into tokio::task::spawn_blocking"),
            Self::Unknown | Self::Driver | Self::ManyPolls | Self::Descheduled => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who stays away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WorkerName {
    /// The worker with this index, as in `tokio::runtime::worker_index()`.
    Index(usize),
    /// The future given to `block_on`, where it runs on no worker.
    Main,
    /// Whichever worker is in Tokio's driver at the moment. Tokio does not tell which
    /// it is, unless there is only one.
    Driver,
    /// The end of the runtime: its drop does not return.
    Shutdown,
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => index.fmt(f),
            Self::Main => f.write_str("main"),
            Self::Driver => f.write_str("driver"),
            Self::Shutdown => f.write_str("shutdown"),
        }
    }
}

/// What is told of a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// It has reached the threshold, and lasts.
    Started,
    /// It has reached twice the threshold, four times, eight times …, and lasts.
    Ongoing,
    /// The worker has returned.
    Ended,
}

impl Phase {
    /// The word that stands for it in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ongoing => "ongoing",
            Self::Ended => "ended",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
