//! What really happened, noted by those who made it happen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::blocker::{Kind, Place};

/// One time in which a thread of the runtime did not return to the scheduler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    /// As `tokio::runtime::worker_index()`; `None` where it runs on no worker.
    pub(crate) worker: Option<usize>,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    /// Before this and after that its worker was in the scheduler for certain.
    pub(crate) around: Option<(Instant, Instant)>,
}

impl Truth {
    pub(crate) fn length(&self) -> Duration {
        self.ended - self.started
    }

    /// How long the worker was away, at most: code of Tokio before and after the block,
    /// and a machine that keeps it waiting there, count as away too.
    pub(crate) fn at_most(&self) -> Duration {
        self.around
            .map_or(self.length(), |(before, after)| after - before)
    }
}

/// Takes notes on threads of the runtime without disturbing it: each goes to a slot
/// that exists already, and nobody is woken.
#[derive(Clone)]
pub(crate) struct Notes {
    slots: Arc<[OnceLock<Truth>]>,
    used: Arc<AtomicUsize>,
}

impl Notes {
    pub(crate) fn new(capacity: usize) -> Self {
        let slots = (0..capacity).map(|_| OnceLock::new()).collect();
        Self {
            slots,
            used: Arc::default(),
        }
    }

    pub(crate) fn take(&self, truth: Truth) {
        let slot = self.used.fetch_add(1, Ordering::Relaxed);
        let slot = self
            .slots
            .get(slot)
            .expect("more blockers than the notes were made for");
        slot.set(truth).expect("each slot is used once");
    }

    pub(crate) fn read(&self) -> Vec<Truth> {
        self.slots
            .iter()
            .filter_map(|slot| slot.get().copied())
            .collect()
    }
}

/// What the fraction `q` of all events does not exceed, if they are ready at random
/// instants of `total` and wait for the end of the freeze that they meet.
///
/// The share of events that wait longer than `x` is the sum of what is left of each
/// freeze after its first `length − x`, over the whole time; it falls with `x`.
pub(crate) fn quantile_of_waits(freezes: &[Duration], total: Duration, q: f64) -> Duration {
    let waits_longer = |x: Duration| {
        let left: Duration = freezes.iter().map(|freeze| freeze.saturating_sub(x)).sum();
        left.as_secs_f64() / total.as_secs_f64()
    };
    let (mut low, mut high) = (
        Duration::ZERO,
        freezes.iter().max().copied().unwrap_or_default(),
    );
    while high.abs_diff(low) > Duration::from_micros(1) {
        let middle = (low + high) / 2;
        if waits_longer(middle) > 1.0 - q {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_equal_freezes_has_its_p99_at_nine_tenths_of_one() {
        let freezes = [Duration::from_millis(250); 24];
        let p99 = quantile_of_waits(&freezes, Duration::from_secs(60), 0.99);
        assert!(
            p99.abs_diff(Duration::from_millis(225)) < Duration::from_micros(10),
            "{p99:?}"
        );
        let p50 = quantile_of_waits(&freezes, Duration::from_secs(60), 0.5);
        assert!(p50 < Duration::from_micros(10), "{p50:?}");
    }
}
