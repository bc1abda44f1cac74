use std::time::Instant;

use super::stderr::Stderr;
use super::{Sink, SinkError};
use crate::record::Event;

/// Goes where the program's own events go: to its tracing subscriber if there is
/// one when something happens, else to standard error.
pub(super) struct Auto {
    stderr: Stderr,
}

impl Auto {
    pub(super) fn new() -> Self {
        Self {
            stderr: Stderr::new(None),
        }
    }
}

impl Sink for Auto {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        #[cfg(feature = "tracing")]
        if tracing::dispatcher::has_been_set() {
            return super::tracing::Tracing.event(event);
        }
        self.stderr.event(event)
    }

    fn flush(&mut self, until: Instant) {
        self.stderr.flush(until);
    }
}
