//! Everything of ours that runs on the program's threads, and nothing else: read
//! each line of it as if it were part of Tokio.

mod doze;
mod drill;
mod hooks;
mod line;
mod probe;
mod root;
mod seats;
mod threads;

pub(crate) use doze::Doze;
pub(crate) use drill::drill;
pub(crate) use hooks::{Hook, Hooked, UserHooks};
pub(crate) use line::Line;
pub(crate) use probe::{Method, run};
pub(crate) use root::{Entered, Root, watch_root};
pub(crate) use seats::Seats;
pub(crate) use threads::Threads;
