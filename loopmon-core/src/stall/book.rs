use std::time::Duration;

use super::{Cause, Extent, StallTotals, Stalls};
use crate::histogram::Recorder;

/// The stalls of one runtime, counted. Written by the watchdog when one starts, goes on
/// or ends; read by whoever asks for a snapshot.
#[derive(Debug, Default)]
pub(crate) struct StallBook {
    active: Vec<Active>,
    held_back: u64,
    /// As many as there are causes, twice; made when the first of a kind starts.
    ended: Vec<Ended>,
}

#[derive(Debug)]
struct Active {
    id: u64,
    cause: Cause,
    drill: bool,
    /// It has lasted for at least so long.
    lasted: Duration,
}

#[derive(Debug)]
struct Ended {
    cause: Cause,
    drill: bool,
    started: u64,
    time: Duration,
    durations: Recorder,
}

impl StallBook {
    pub(crate) fn start(&mut self, id: u64, cause: Cause, drill: bool, lasted: Duration) {
        self.totals(cause, drill).started += 1;
        self.active.push(Active {
            id,
            cause,
            drill,
            lasted,
        });
    }

    pub(crate) fn hold_back(&mut self) {
        self.held_back += 1;
    }

    /// It has been seen for so long now.
    pub(crate) fn go_on(&mut self, id: u64, lasted: Duration) {
        if let Some(active) = self.active.iter_mut().find(|active| active.id == id) {
            active.lasted = active.lasted.max(lasted);
        }
    }

    pub(crate) fn end(&mut self, id: u64, extent: Extent) {
        let Some(index) = self.active.iter().position(|active| active.id == id) else {
            return;
        };
        let Active {
            cause,
            drill,
            lasted,
            ..
        } = self.active.swap_remove(index);
        let totals = self.totals(cause, drill);
        // Never less than what was shown before: the time is a counter.
        let length = extent.at_most.max(lasted);
        totals.time += length;
        totals.durations.record(length);
    }

    pub(crate) fn read(&self) -> Stalls {
        let by_cause = self.ended.iter().map(|ended| {
            let active = self.active.iter();
            let active = active.filter(|a| (a.cause, a.drill) == (ended.cause, ended.drill));
            StallTotals {
                cause: ended.cause,
                drill: ended.drill,
                started: ended.started,
                time: ended.time + active.map(|active| active.lasted).sum::<Duration>(),
                durations: ended.durations.load(),
            }
        });
        Stalls {
            active: self.active.len(),
            age: self.active.iter().map(|active| active.lasted).max(),
            held_back: self.held_back,
            by_cause: by_cause.collect(),
        }
    }

    fn totals(&mut self, cause: Cause, drill: bool) -> &mut Ended {
        let found = |ended: &Ended| (ended.cause, ended.drill) == (cause, drill);
        let index = self.ended.iter().position(found).unwrap_or_else(|| {
            self.ended.push(Ended {
                cause,
                drill,
                started: 0,
                time: Duration::ZERO,
                durations: Recorder::new(),
            });
            self.ended.len() - 1
        });
        #[allow(clippy::indexing_slicing, reason = "found or pushed right above")]
        &mut self.ended[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn exactly(length: Duration) -> Extent {
        Extent {
            at_least: length,
            at_most: length,
        }
    }

    #[test]
    fn the_time_of_stalls_grows_while_one_lasts_and_never_falls() {
        let mut book = StallBook::default();
        book.start(7, Cause::Unknown, false, 100 * MS);
        let mut shown = Vec::new();
        for lasted in [150, 300, 420] {
            book.go_on(7, lasted * MS);
            let stalls = book.read();
            assert_eq!((stalls.active, stalls.age), (1, Some(lasted * MS)));
            shown.push(stalls.time());
        }
        // It turns out to have been shorter than the last look made it.
        book.end(7, exactly(419 * MS));
        let stalls = book.read();
        shown.push(stalls.time());
        assert_eq!(shown, [150 * MS, 300 * MS, 420 * MS, 420 * MS]);
        assert_eq!((stalls.active, stalls.age), (0, None));
        assert_eq!(stalls.started(), 1);
        assert!(stalls.longest().unwrap() >= 419 * MS);
    }

    #[test]
    fn drills_and_causes_are_counted_apart() {
        let mut book = StallBook::default();
        for (id, cause, drill) in [
            (1, Cause::Unknown, false),
            (2, Cause::Unknown, true),
            (3, Cause::Driver, false),
            (4, Cause::Unknown, false),
        ] {
            book.start(id, cause, drill, 100 * MS);
            book.end(id, exactly(200 * MS));
        }
        let counts: Vec<_> = book
            .read()
            .by_cause
            .iter()
            .map(|totals| (totals.cause, totals.drill, totals.started, totals.time))
            .collect();
        assert_eq!(
            counts,
            [
                (Cause::Unknown, false, 2, 400 * MS),
                (Cause::Unknown, true, 1, 200 * MS),
                (Cause::Driver, false, 1, 200 * MS),
            ]
        );
    }

    #[test]
    fn a_window_has_what_happened_in_it() {
        let mut book = StallBook::default();
        book.start(1, Cause::Unknown, false, 100 * MS);
        book.go_on(1, 300 * MS);
        let earlier = book.read();
        book.go_on(1, 500 * MS);
        book.start(2, Cause::Driver, false, 100 * MS);
        book.end(1, exactly(550 * MS));
        let window = book.read().since(&earlier);
        assert_eq!(window.started(), 1);
        assert_eq!(window.time(), 250 * MS + 100 * MS);
        assert_eq!(window.by_cause[0].durations.count(), 1);
        assert_eq!((window.active, window.age), (1, Some(100 * MS)));
    }
}
