//! Time as loopmon tells it. Everything that decides takes the present instant as
//! an argument, so that tests can drive hours in milliseconds; only the edges –
//! the probe, the watchdog's loop, a call from the program – read the clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// The instant from which monotonic seconds and [`Nanos`] count.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

/// An instant as one word, for atomics: nanoseconds since the origin plus one, so
/// that 0 is free to mean "none". Wraps after 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nanos(u64);

impl Nanos {
    pub(crate) fn at(instant: Instant) -> Self {
        let nanos = instant.saturating_duration_since(origin()).as_nanos();
        Self(u64::try_from(nanos).unwrap_or(u64::MAX - 1) + 1)
    }

    pub(crate) const fn from_word(word: u64) -> Option<Self> {
        if word == 0 { None } else { Some(Self(word)) }
    }

    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    pub(crate) fn instant(self) -> Instant {
        origin() + Duration::from_nanos(self.0.saturating_sub(1))
    }

    /// How long ago `earlier` was; `None` if it lies ahead.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_nanos)
    }
}

/// When something happened, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Timestamp {
    /// The time of day. It may jump.
    pub wall: SystemTime,
    /// The time since the first runtime of the process was monitored. It never
    /// jumps, and stands still while the machine is suspended.
    pub monotonic: Duration,
}

impl Timestamp {
    /// `now` by the monotonic clock; the time of day is read from the system.
    pub(crate) fn at(now: Instant) -> Self {
        Self {
            wall: SystemTime::now(),
            monotonic: now.saturating_duration_since(origin()),
        }
    }
}
