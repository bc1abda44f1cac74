//! Where records go: the trait, the sinks that come with loopmon, and the queue
//! that keeps each of them away from everything else.

mod auto;
#[cfg(feature = "jsonl")]
mod jsonl;
mod queue;
mod stall_text;
mod stderr;
mod text;
#[cfg(feature = "tracing")]
mod tracing;

use std::error::Error;
use std::fmt;
use std::time::Instant;

use crate::config::SinkSpec;
use crate::record::Event;

pub(crate) use queue::Queue;
pub(crate) use stderr::notice;

/// A place that records go to.
///
/// Each sink has a thread and a bounded queue of its own: it may block, fail or
/// panic without harm to the program, to loopmon, or to other sinks. It then loses
/// its own events only, and they are counted. A sink that panics is not called again.
///
/// # Examples
///
/// ```
/// use loopmon_core::{Event, Sink, SinkError};
///
/// /// Warns when the loop is late.
/// struct Pager;
///
/// impl Sink for Pager {
///     fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
///         if let Event::Sample(sample) = event
///             && let Some(lag) = sample.window.lag.max()
///             && lag.as_millis() > 100
///         {
///             page(&format!("{} is {lag:?} late", sample.window.runtime))?;
///         }
///         Ok(())
///     }
/// }
/// # fn page(_: &str) -> std::io::Result<()> { Ok(()) }
/// ```
pub trait Sink: Send + 'static {
    /// Takes one event. Events of all runtimes of the process come in order.
    ///
    /// # Errors
    ///
    /// The event could not be delivered. It counts as lost, the next is held back for
    /// a while that grows from 100 ms to 10 s, and the first of a series of errors is
    /// reported on standard error.
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError>;

    /// Passes on what it holds, because the program is about to end, or asked for it.
    /// At `until` the program goes on without waiting any longer.
    fn flush(&mut self, until: Instant) {
        let _ = until;
    }
}

/// Why a sink could not deliver an event. Any error converts into it with `?`.
pub struct SinkError(Box<dyn Error + Send + Sync>);

impl SinkError {
    /// An error with only a message.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = loopmon_core::SinkError::msg("the queue is gone");
    /// assert_eq!(error.to_string(), "the queue is gone");
    /// ```
    pub fn msg(message: impl Into<String>) -> Self {
        Self(message.into().into())
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for SinkError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The sink that `spec` describes; an error names the feature that is off.
#[allow(
    clippy::unnecessary_wraps,
    reason = "with all features on, every sink can be had"
)]
pub(crate) fn open(spec: &SinkSpec) -> Result<Box<dyn Sink>, String> {
    match spec {
        SinkSpec::Auto => Ok(Box::new(auto::Auto::new())),
        SinkSpec::Stderr { every } => Ok(Box::new(stderr::Stderr::new(*every))),
        #[cfg(feature = "tracing")]
        SinkSpec::Tracing => Ok(Box::new(tracing::Tracing)),
        #[cfg(feature = "jsonl")]
        SinkSpec::Jsonl(target) => Ok(Box::new(jsonl::Jsonl::new(target.clone()))),
        #[cfg(not(all(feature = "tracing", feature = "jsonl")))]
        off => Err(format!(
            "the sink `{0}` needs the feature `{0}` of loopmon",
            off.kind()
        )),
    }
}
