//! Everything of ours that runs on the program's threads, and nothing else: read
//! each line of it as if it were part of Tokio.

mod hooks;
mod line;
mod probe;

pub(crate) use hooks::{Hook, ThreadCount, UserHooks};
pub(crate) use line::Line;
pub(crate) use probe::{Method, run};
