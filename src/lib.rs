//! stub
#![forbid(unsafe_code)]

pub use loopmon_core::config::Backtrace;
pub use loopmon_core::*;
pub use loopmon_macros::main;

/// What the expansion of [`main`] names. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use loopmon_core::config::Key;
    pub use loopmon_core::launch::{Attribute, Flavor, launch};
    pub use std::boxed::Box;
    pub use std::vec;
}
