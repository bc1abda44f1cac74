use std::time::Duration;

use super::hotspots::{Hotspots, Spot};
use super::{Cause, Culprit, Extent, StallTotals, Stalls};
use crate::clock::Timestamp;
use crate::histogram::Recorder;

/// The stalls of one runtime, counted. Written by the watchdog when one starts, goes on
/// or ends; read by whoever asks for a snapshot.
#[derive(Debug, Default)]
pub(crate) struct StallBook {
    active: Vec<Active>,
    held_back: u64,
    /// As many as there are causes, twice; made when the first of a kind starts.
    ended: Vec<Ended>,
    hotspots: Hotspots,
}

#[derive(Debug)]
struct Active {
    id: u64,
    /// `None` as long as it is being found out. Until then it is counted under none, because
    /// a counter that was shown must not fall.
    cause: Option<Cause>,
    drill: bool,
    /// It has lasted for at least so long.
    lasted: Duration,
    /// The worker is back, and the cause still being found out.
    returned: bool,
    spot: Option<Spot>,
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
    /// It shows as active from now on.
    pub(crate) fn start(&mut self, id: u64, drill: bool, lasted: Duration) {
        self.active.push(Active {
            id,
            cause: None,
            drill,
            lasted,
            returned: false,
            spot: None,
        });
    }

    /// It is known now why, and who it was, as far as it will be: now it counts. Said again,
    /// only a culprit that was missing is new.
    pub(crate) fn blame(
        &mut self,
        id: u64,
        cause: Cause,
        culprit: Option<&Culprit>,
        at: Timestamp,
    ) {
        let Some(active) = self.active.iter_mut().find(|active| active.id == id) else {
            return;
        };
        if let Some(culprit) = culprit
            && active.spot.is_none()
            && cause.is_stall()
        {
            active.spot = Some(self.hotspots.count(cause, culprit, at));
        }
        if active.cause.is_none() {
            active.cause = Some(cause);
            let drill = active.drill;
            self.totals(cause, drill).started += 1;
        }
    }

    /// The worker is back.
    pub(crate) fn returned(&mut self, id: u64) {
        if let Some(active) = self.active.iter_mut().find(|active| active.id == id) {
            active.returned = true;
        }
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
            spot,
            ..
        } = self.active.swap_remove(index);
        let totals = self.totals(cause.unwrap_or(Cause::Unknown), drill);
        totals.started += u64::from(cause.is_none());
        // Never less than what was shown before: the time is a counter.
        let length = extent.at_most.max(lasted);
        totals.time += length;
        totals.durations.record(length);
        if let Some(spot) = spot {
            self.hotspots.add(spot, length);
        }
    }

    pub(crate) fn read(&self) -> Stalls {
        let by_cause = self.ended.iter().map(|ended| {
            let active = self.active.iter();
            let active = active.filter(|a| (a.cause, a.drill) == (Some(ended.cause), ended.drill));
            StallTotals {
                cause: ended.cause,
                drill: ended.drill,
                started: ended.started,
                time: ended.time + active.map(|active| active.lasted).sum::<Duration>(),
                durations: ended.durations.load(),
            }
        });
        let stalls = || self.active.iter().filter(|active| active.is_stall());
        let lasting = self.active.iter();
        let lasting = lasting.filter_map(|active| Some((active.spot?, active.lasted)));
        Stalls {
            active: stalls().count(),
            age: stalls().map(|active| active.lasted).max(),
            held_back: self.held_back,
            by_cause: by_cause.collect(),
            hotspots: self.hotspots.read(lasting),
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

impl Active {
    fn is_stall(&self) -> bool {
        !self.returned && self.cause.is_none_or(Cause::is_stall)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::stall::culprit::tests::culprit;

    const MS: Duration = Duration::from_millis(1);

    /// One that is known from the start.
    fn start(book: &mut StallBook, id: u64, cause: Cause, drill: bool) {
        book.start(id, drill, 100 * MS);
        book.blame(id, cause, None, Timestamp::at(Instant::now()));
    }

    fn exactly(length: Duration) -> Extent {
        Extent {
            at_least: length,
            at_most: length,
        }
    }

    #[test]
    fn the_time_of_stalls_grows_while_one_lasts_and_never_falls() {
        let mut book = StallBook::default();
        start(&mut book, 7, Cause::Unknown, false);
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
            start(&mut book, id, cause, drill);
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
        start(&mut book, 1, Cause::Unknown, false);
        book.go_on(1, 300 * MS);
        let earlier = book.read();
        book.go_on(1, 500 * MS);
        start(&mut book, 2, Cause::Driver, false);
        book.end(1, exactly(550 * MS));
        let window = book.read().since(&earlier);
        assert_eq!(window.started(), 1);
        assert_eq!(window.time(), 250 * MS + 100 * MS);
        assert_eq!(window.by_cause[0].durations.count(), 1);
        assert_eq!((window.active, window.age), (1, Some(100 * MS)));
    }

    #[test]
    fn a_stall_is_active_at_once_and_counted_when_its_cause_is_known() {
        let (mut book, at) = (StallBook::default(), Timestamp::at(Instant::now()));
        book.start(1, false, 100 * MS);
        let stalls = book.read();
        assert_eq!((stalls.active, stalls.age), (1, Some(100 * MS)));
        assert_eq!((stalls.started(), stalls.time()), (0, Duration::ZERO));
        book.returned(1);
        assert_eq!(
            book.read().active,
            0,
            "it is over, and still being found out"
        );
        book.blame(1, Cause::Blocking, Some(&culprit("myapp::load")), at);
        // What is said later changes no counter.
        book.blame(1, Cause::Cpu, Some(&culprit("myapp::other")), at);
        book.end(1, exactly(200 * MS));
        let stalls = book.read();
        let counts = stalls.by_cause.iter().map(|t| (t.cause, t.started, t.time));
        assert_eq!(counts.collect::<Vec<_>>(), [(Cause::Blocking, 1, 200 * MS)]);
        assert_eq!(stalls.hotspots.len(), 1);
        assert_eq!(&*stalls.hotspots[0].function, "myapp::load");
    }

    #[test]
    fn a_stall_that_nobody_could_explain_is_counted_as_unknown() {
        let mut book = StallBook::default();
        book.start(1, false, 100 * MS);
        book.end(1, exactly(200 * MS));
        assert_eq!(book.read().started(), 1);
        assert_eq!(book.read().by_cause[0].cause, Cause::Unknown);
    }

    #[test]
    fn all_stalls_of_a_culprit_are_one_hotspot_that_grows_while_one_lasts() {
        let (mut book, at) = (StallBook::default(), Timestamp::at(Instant::now()));
        let mut times = Vec::new();
        for id in 0..3 {
            book.start(id, false, 100 * MS);
            book.blame(id, Cause::Blocking, Some(&culprit("myapp::load")), at);
            // It is looked at again and again: one stall all the same.
            book.blame(id, Cause::Blocking, Some(&culprit("myapp::load")), at);
            book.go_on(id, 300 * MS);
            times.push(book.read().hotspots[0].time);
            book.end(id, exactly(250 * MS));
            times.push(book.read().hotspots[0].time);
        }
        assert!(times.is_sorted(), "{times:?}");
        let hotspot = &book.read().hotspots[0];
        assert_eq!((hotspot.count, hotspot.time), (3, 900 * MS));
        assert_eq!(hotspot.longest, 300 * MS);
    }

    #[test]
    fn what_is_no_stall_is_counted_by_its_cause_only() {
        let (mut book, at) = (StallBook::default(), Timestamp::at(Instant::now()));
        for (id, cause) in [
            (1, Cause::ManyPolls),
            (2, Cause::Descheduled),
            (3, Cause::Cpu),
        ] {
            book.start(id, false, 100 * MS);
            book.blame(id, cause, Some(&culprit("myapp::load")), at);
            book.go_on(id, Duration::from_secs(4 - id));
        }
        let stalls = book.read();
        assert_eq!(stalls.by_cause.len(), 3);
        assert_eq!((stalls.started(), stalls.active), (1, 1));
        assert_eq!(stalls.time(), Duration::from_secs(1));
        assert_eq!(stalls.age, Some(Duration::from_secs(1)));
        assert_eq!(stalls.longest(), stalls.age);
        assert_eq!(stalls.hotspots.len(), 1);
        assert_eq!(stalls.hotspots[0].count, 1);
    }
}
