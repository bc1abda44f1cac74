//! What the expansion of `#[loopmon::main]` names. Not part of the public API.

pub use std::vec::Vec;

pub use loopmon_core::config::Key;
pub use loopmon_core::launch::{Attribute, Flavor, launch};
pub use tokio;

use crate::Sink;

/// A sink that was given as an expression.
pub fn sink(sink: impl Sink) -> Box<dyn Sink> {
    Box::new(sink)
}

/// A value of any type, for code that is never run.
#[must_use]
pub fn never<T>() -> T {
    unreachable!("the expansion never calls this")
}

// Only this crate knows which of its features are on, so the expansion asks it for
// each sink that needs one.
#[cfg(feature = "jsonl")]
pub use loopmon_core::sink_is_there as sink_jsonl;
#[cfg(feature = "tracing")]
pub use loopmon_core::sink_is_there as sink_tracing;

/// In place of a sink that was compiled out.
#[cfg(not(feature = "jsonl"))]
#[macro_export]
#[doc(hidden)]
macro_rules! __no_sink_jsonl {
    ($spec:literal) => {
        ::core::compile_error!("the sink `jsonl` needs the feature `jsonl` of the crate `loopmon`")
    };
}
#[cfg(not(feature = "jsonl"))]
pub use __no_sink_jsonl as sink_jsonl;

/// In place of a sink that was compiled out.
#[cfg(not(feature = "tracing"))]
#[macro_export]
#[doc(hidden)]
macro_rules! __no_sink_tracing {
    ($spec:literal) => {
        ::core::compile_error!(
            "the sink `tracing` needs the feature `tracing` of the crate `loopmon`"
        )
    };
}
#[cfg(not(feature = "tracing"))]
pub use __no_sink_tracing as sink_tracing;
