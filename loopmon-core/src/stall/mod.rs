//! Stalls: workers that stay away from the scheduler. What is said of them here is
//! pure data and pure time; who looks at the workers is the watchdog.

mod book;
mod life;
mod limit;
mod totals;

use std::fmt;

pub(crate) use book::StallBook;
pub(crate) use life::{Change, Extent, Life, Look, Mark};
pub(crate) use limit::{Limit, Telling};
pub use totals::{StallTotals, Stalls};

/// Why a worker stayed away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// It can't be told: one long poll of a task, or many short ones in a row.
    Unknown,
    /// The worker is in Tokio's I/O and timer driver, which has more to do than it can
    /// do in time: a million timers that are due at once.
    Driver,
}

impl Cause {
    /// The word that stands for it in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Driver => "driver",
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
