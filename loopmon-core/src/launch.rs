//! What `#[loopmon::main]` calls.

use std::future::Future;

use tokio::runtime::Builder;

use crate::config::Key;
use crate::sink::Sink;

/// The runtime that the attribute asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// One worker a core, or as many as asked for.
    MultiThread,
    /// Everything on the calling thread.
    CurrentThread,
    /// Everything on the calling thread, and tasks need not be `Send`.
    Local,
}

/// The arguments of one `#[loopmon::main]`, as the expansion writes them.
pub struct Attribute {
    /// The flavor of the runtime.
    pub flavor: Flavor,
    /// Applies the arguments that are Tokio's.
    pub tokio: fn(&mut Builder),
    /// The arguments that are ours, checked when the macro ran.
    pub settings: &'static [(Key, &'static str)],
    /// The sinks that were given as expressions.
    pub sinks: Vec<Box<dyn Sink>>,
}

/// Builds the runtime, runs `body` on it, and returns what it returns.
///
/// # Panics
///
/// If the runtime can't be built, as `#[tokio::main]` does.
#[allow(clippy::expect_used, reason = "stub")]
pub fn launch<F: Future>(attribute: Attribute, body: F) -> F::Output {
    let mut builder = match attribute.flavor {
        Flavor::MultiThread => Builder::new_multi_thread(),
        Flavor::CurrentThread | Flavor::Local => Builder::new_current_thread(),
    };
    builder.enable_all();
    (attribute.tokio)(&mut builder);
    match attribute.flavor {
        Flavor::Local => builder
            .build_local(tokio::runtime::LocalOptions::default())
            .expect("Failed building the Runtime")
            .block_on(body),
        _ => builder
            .build()
            .expect("Failed building the Runtime")
            .block_on(body),
    }
}
