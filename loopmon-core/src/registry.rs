//! What the process monitors: one watchdog and one set of sinks, shared by all
//! runtimes.

mod process;
mod watched;

pub(crate) use process::Process;
pub(crate) use watched::{Hold, Settings, Watched};
