//! The monitor behind `loopmon`. Depend on the crate `loopmon` instead: it
//! re-exports what is public, and this crate makes no promise of its own.

pub mod config;

#[cfg(feature = "monitor")]
pub mod launch;
#[cfg(feature = "monitor")]
pub mod sink;
