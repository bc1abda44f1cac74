//! What can be seen of a thread.

use std::{fmt, io};

use tokio::task::Id;

use super::RawStack;

/// What a look at a thread shows without disturbing it.
#[derive(Clone, Debug)]
pub(crate) enum Sight {
    /// It is on a CPU, or waits for one.
    Running,
    Asleep(Sleep),
    Gone,
    /// The kernel does not tell, for this reason.
    Unreadable(&'static str),
}

/// A thread that waits in the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Sleep {
    /// The number of the system call; `None` in a page fault and the like.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests look for calls"))]
    pub(crate) syscall: Option<u32>,
    /// How often it has left a CPU: the same number at two looks is the same sleep.
    pub(crate) switches: Option<u64>,
    pub(crate) raw: RawStack,
}

/// What a thread on a CPU tells of itself when it is interrupted.
#[derive(Clone, Debug)]
pub(crate) struct OnCpu {
    pub(crate) worker: Option<usize>,
    pub(crate) task: Option<Id>,
    pub(crate) raw: RawStack,
}

/// Why a thread was not interrupted, or told nothing.
#[derive(Debug)]
pub(crate) enum Refusal {
    NotInstalled,
    /// The program has set a handler of its own since: no question gets through any more.
    Replaced,
    /// The thread has ended, or signals may not be sent.
    NotSent(io::Error),
    /// It got no CPU, or has the signal blocked.
    NoAnswer,
    /// A handler that was late is still writing.
    Busy,
}

/// Why threads can't be interrupted at all.
#[derive(Debug)]
pub(crate) enum Why {
    /// Somebody has done it already, or the program's handler stands in front of ours.
    Taken,
    Os(io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled => f.write_str("there is no handler for SIGURG"),
            Self::Replaced => {
                f.write_str("the program has set its own handler for SIGURG in place of loopmon's")
            }
            Self::NotSent(error) => write!(f, "SIGURG can't be sent to a thread: {error}"),
            Self::NoAnswer => f.write_str("the thread got no CPU to tell where it is"),
            Self::Busy => f.write_str("another thread is still telling where it is"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("SIGURG has another handler of loopmon's already"),
            Self::Os(error) => write!(f, "SIGURG can't have a handler: {error}"),
        }
    }
}
