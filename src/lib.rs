//! stub
#![forbid(unsafe_code)]

pub use loopmon_core::config::Backtrace;
pub use loopmon_core::*;
pub use loopmon_macros::main;

/// What the expansion of [`main`] names. Not part of the public API.
#[doc(hidden)]
pub mod __private;
