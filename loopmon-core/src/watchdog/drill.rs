use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::inside::drill;
use crate::registry::Watched;
use crate::sink::notice;

/// Time for the program to start.
const DELAY: Duration = Duration::from_secs(2);

/// The drill that the operator has asked for, before it begins.
pub(super) struct Drill {
    length: Duration,
    due: Instant,
}

impl Drill {
    pub(super) fn new(length: Duration, now: Instant) -> Self {
        Self {
            length,
            due: now + DELAY,
        }
    }

    pub(super) fn due(&self) -> Instant {
        self.due
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Says at the start if it will be of no use.
    pub(super) fn check(&self, watched: &Watched) {
        let threshold = watched.settings.stall_threshold;
        if self.length < threshold {
            notice(&format!(
                "the drill of {:?} is shorter than the stall threshold of {threshold:?}: no stall \
                 will be told",
                self.length
            ));
        }
    }

    /// Blocks one worker, as a task of the program would.
    pub(super) fn begin(&self, watched: &Arc<Watched>) {
        let task = drill(Arc::clone(watched), self.length);
        watched.with_hold(|hold| hold.handle.spawn(task));
    }
}
