use std::time::Duration;

use super::{Cause, Hotspot};
use crate::histogram::Distribution;

/// The stalls of one runtime in a window.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stalls {
    /// How many lasted at the end of the window.
    pub active: usize,
    /// How long the oldest of these had lasted; `None` if there was none.
    pub age: Option<Duration>,
    /// How many were left out of logs in the window, because there were too many of
    /// their kind. All other numbers count them.
    pub held_back: u64,
    /// The numbers of each cause that occurred since the runtime was first monitored,
    /// with drills apart. Those of causes that are [no stalls](Cause::is_stall) stand
    /// here only.
    pub by_cause: Vec<StallTotals>,
    /// The code that kept workers in the window, the worst first.
    pub hotspots: Vec<Hotspot>,
}

/// The stalls of one cause in a window.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StallTotals {
    /// Why the workers stayed away.
    pub cause: Cause,
    /// Whether these were asked for by `LOOPMON_DRILL`.
    pub drill: bool,
    /// How many began. A stall counts from the moment it reaches the threshold.
    pub started: u64,
    /// How long they lasted in all. It grows while a stall lasts.
    pub time: Duration,
    /// How long each of those lasted that ended.
    pub durations: Distribution,
}

impl Stalls {
    /// How many began, whatever their cause.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.stalls().map(|totals| totals.started).sum()
    }

    /// How long all of them lasted together.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.stalls().map(|totals| totals.time).sum()
    }

    /// The longest that ended in the window or lasts; `None` if there was none.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        let ended = self.stalls().filter_map(|totals| {
            // The distribution is a little coarse upwards; all together are not.
            Some(totals.durations.max()?.min(totals.time))
        });
        ended.max().max(self.age)
    }

    fn stalls(&self) -> impl Iterator<Item = &StallTotals> {
        self.by_cause
            .iter()
            .filter(|totals| totals.cause.is_stall())
    }

    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let by_cause = self.by_cause.iter().map(|totals| {
            let same = |e: &&StallTotals| (e.cause, e.drill) == (totals.cause, totals.drill);
            let before = earlier.by_cause.iter().find(same);
            before.map_or_else(|| totals.clone(), |before| totals.since(before))
        });
        Self {
            held_back: self.held_back.saturating_sub(earlier.held_back),
            by_cause: by_cause.collect(),
            hotspots: Hotspot::since(&self.hotspots, &earlier.hotspots),
            ..*self
        }
    }
}

impl StallTotals {
    fn since(&self, earlier: &Self) -> Self {
        Self {
            started: self.started.saturating_sub(earlier.started),
            time: self.time.saturating_sub(earlier.time),
            durations: self.durations.since(&earlier.durations),
            ..*self
        }
    }
}
