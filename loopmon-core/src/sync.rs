//! Atomics, of std or of loom: what is proved is what runs.

#[cfg(not(all(test, loopmon_loom)))]
pub(crate) use std::sync::atomic::{AtomicBool, Ordering, fence};

#[cfg(all(test, loopmon_loom))]
pub(crate) use loom::sync::atomic::{AtomicBool, Ordering, fence};
