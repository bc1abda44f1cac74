//! What the expansion of `#[loopmon::main]` names. Not part of the public API.

pub use std::option::Option::{None, Some};
pub use std::vec;

pub use loopmon_core::config::Key;
pub use loopmon_core::launch::{Attribute, Flavor, launch};
#[cfg(tokio_unstable)]
pub use tokio::runtime::UnhandledPanic;

pub use crate::{
    __sink_jsonl as sink_jsonl, __sink_tracing as sink_tracing,
    __unhandled_panic as unhandled_panic,
};

use crate::Sink;

/// Where a sink that is none is noticed, at the user's expression.
pub fn sink(sink: impl Sink) -> Box<dyn Sink> {
    Box::new(sink)
}

// The features of this crate are not known to the macro, but to these.

#[cfg(feature = "jsonl")]
#[doc(hidden)]
#[macro_export]
macro_rules! __sink_jsonl {
    ($spec:literal) => {
        $spec
    };
}

#[cfg(not(feature = "jsonl"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __sink_jsonl {
    ($spec:literal) => {
        ::core::compile_error!(
            "the sink `jsonl` needs the feature `jsonl` of loopmon: \
             loopmon = { …, features = [\"jsonl\"] }"
        )
    };
}

#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! __sink_tracing {
    ($spec:literal) => {
        $spec
    };
}

#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __sink_tracing {
    ($spec:literal) => {
        ::core::compile_error!(
            "the sink `tracing` needs the feature `tracing` of loopmon: \
             loopmon = { …, features = [\"tracing\"] }"
        )
    };
}

#[cfg(tokio_unstable)]
#[doc(hidden)]
#[macro_export]
macro_rules! __unhandled_panic {
    ($builder:ident, $variant:ident) => {
        $builder.unhandled_panic($crate::__private::UnhandledPanic::$variant)
    };
}

#[cfg(not(tokio_unstable))]
#[doc(hidden)]
#[macro_export]
macro_rules! __unhandled_panic {
    ($builder:ident, $variant:ident) => {
        ::core::compile_error!(
            "`unhandled_panic` needs Tokio's unstable API: set RUSTFLAGS=\"--cfg tokio_unstable\""
        )
    };
}
