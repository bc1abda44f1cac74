use std::sync::Arc;
use std::time::Duration;

use super::{Cause, Culprit};
use crate::clock::Timestamp;

/// So many culprits of a runtime have a place of their own.
const MOST: usize = 64;
/// The name under which all others are counted.
const OTHER: &str = "other";

/// All stalls of one culprit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hotspot {
    /// The function that kept the workers. `other` stands for all that came when 64 were
    /// known.
    pub function: Arc<str>,
    /// Its file, as of the last stall.
    pub file: Option<Arc<str>>,
    /// The line that was being run in the last stall.
    pub line: Option<u32>,
    /// Why, in the last stall.
    pub cause: Cause,
    /// What it called in the last stall.
    pub called: Option<Arc<str>>,
    /// What to do instead.
    pub advice: Option<&'static str>,
    /// How many stalls.
    pub count: u64,
    /// How long they lasted in all. It grows while one lasts.
    pub time: Duration,
    /// The longest since the runtime was first monitored, also in a
    /// [difference](crate::Snapshot::since) of snapshots.
    pub longest: Duration,
    /// When the last was noticed.
    pub last: Timestamp,
}

/// The culprits of one runtime, in fixed memory.
#[derive(Debug, Default)]
pub(super) struct Hotspots {
    spots: Vec<Hotspot>,
}

/// The place of a culprit among the others; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot(usize);

impl Hotspots {
    /// A stall of this culprit has been noticed.
    pub(super) fn count(&mut self, cause: Cause, culprit: &Culprit, at: Timestamp) -> Spot {
        let known = |spot: &Hotspot| spot.function == culprit.function;
        let index = self.spots.iter().position(known).or_else(|| {
            // The last place is the others'.
            (self.spots.len() > MOST).then_some(MOST)
        });
        let full = self.spots.len() == MOST;
        let index = index.unwrap_or_else(|| {
            self.spots.push(Hotspot::new(cause, culprit, at));
            self.spots.len() - 1
        });
        if let Some(spot) = self.spots.get_mut(index) {
            spot.count += 1;
            spot.last = at;
            if index < MOST {
                spot.cause = cause;
                spot.file.clone_from(&culprit.file);
                spot.line = culprit.line;
                spot.called.clone_from(&culprit.called);
                spot.advice = culprit.advice.or_else(|| cause.advice());
            } else if full {
                spot.function = OTHER.into();
            }
        }
        Spot(index)
    }

    /// A stall of it is over.
    pub(super) fn add(&mut self, Spot(index): Spot, length: Duration) {
        if let Some(spot) = self.spots.get_mut(index) {
            spot.time += length;
            spot.longest = spot.longest.max(length);
        }
    }

    /// With those that last, by time, the worst first.
    pub(super) fn read(&self, lasting: impl Iterator<Item = (Spot, Duration)>) -> Vec<Hotspot> {
        let mut now = Self {
            spots: self.spots.clone(),
        };
        for (spot, length) in lasting {
            now.add(spot, length);
        }
        now.spots.sort_by_key(|spot| std::cmp::Reverse(spot.time));
        now.spots
    }
}

impl Hotspot {
    fn new(cause: Cause, culprit: &Culprit, at: Timestamp) -> Self {
        Self {
            function: Arc::clone(&culprit.function),
            file: None,
            line: None,
            cause,
            called: None,
            advice: None,
            count: 0,
            time: Duration::ZERO,
            longest: Duration::ZERO,
            last: at,
        }
    }

    /// What was added after `earlier`; those to which nothing was are left out.
    pub(super) fn since(later: &[Self], earlier: &[Self]) -> Vec<Self> {
        let mut grown: Vec<_> = later
            .iter()
            .filter_map(|spot| {
                let before = earlier.iter().find(|e| e.function == spot.function);
                let (count, time) = before.map_or((0, Duration::ZERO), |e| (e.count, e.time));
                let mut spot = spot.clone();
                spot.count = spot.count.saturating_sub(count);
                spot.time = spot.time.saturating_sub(time);
                (spot.count > 0 || spot.time > Duration::ZERO).then_some(spot)
            })
            .collect();
        grown.sort_by_key(|spot| std::cmp::Reverse(spot.time));
        grown
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::stall::culprit::tests::culprit;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn more_culprits_than_there_are_places_are_counted_as_others() {
        let (mut hotspots, at) = (Hotspots::default(), Timestamp::at(Instant::now()));
        for round in 0..3_u32 {
            for n in 0..1000 {
                let spot = hotspots.count(Cause::Cpu, &culprit(&format!("f{n}")), at);
                hotspots.add(spot, MS * (round + 1));
            }
        }
        let spots = hotspots.read(std::iter::empty());
        assert_eq!(spots.len(), MOST + 1);
        let (others, named) = spots.split_first().unwrap();
        assert_eq!(
            (&*others.function, others.count),
            ("other", 3 * (1000 - 64))
        );
        assert_eq!(others.time, 936 * 6 * MS);
        for spot in named {
            assert_eq!((spot.count, spot.time, spot.longest), (3, 6 * MS, 3 * MS));
        }
    }

    #[test]
    fn a_window_has_the_hotspots_that_grew_in_it() {
        let (mut hotspots, at) = (Hotspots::default(), Timestamp::at(Instant::now()));
        for (function, length) in [("a", 500), ("b", 300)] {
            let spot = hotspots.count(Cause::Cpu, &culprit(function), at);
            hotspots.add(spot, length * MS);
        }
        let earlier = hotspots.read(std::iter::empty());
        let lasting = hotspots.count(Cause::Blocking, &culprit("b"), at);
        let window = Hotspot::since(&hotspots.read([(lasting, 70 * MS)].into_iter()), &earlier);
        let told: Vec<_> = window
            .iter()
            .map(|spot| (&*spot.function, spot.count, spot.time, spot.cause))
            .collect();
        assert_eq!(told, [("b", 1, 70 * MS, Cause::Blocking)]);
    }
}
