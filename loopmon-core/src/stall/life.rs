use std::time::{Duration, Instant};

/// What a worker shows while it is away, and changes as soon as it returns.
pub(crate) type Mark = (u64, u64);

/// One look at a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Between these two: the watchdog itself may be held up while it looks.
    pub(crate) at: Instant,
    pub(crate) by: Instant,
    /// `None` if the worker is not away, or not to be judged.
    pub(crate) away: Option<Mark>,
    /// The time in which it was not parked, as far as Tokio has published it.
    pub(crate) busy: Option<Duration>,
}

impl Look {
    /// A look at somebody whose busy time nobody publishes.
    pub(crate) fn at((at, by): (Instant, Instant), away: Option<Mark>) -> Self {
        Self {
            at,
            by,
            away,
            busy: None,
        }
    }
}

/// Between its metrics and the task, on the way there and on the way back, a worker
/// looks for work in the queues of the others. 0.08 ms was the most in 300 stalls.
const SCHEDULING: Duration = Duration::from_micros(250);

/// How long an absence lasted, as far as looks can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) at_least: Duration,
    pub(crate) at_most: Duration,
}

/// What a look has brought to light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The absence has reached three quarters of the threshold: a look at it now can be
    /// compared with one at the threshold.
    Suspected,
    /// The absence has reached the threshold.
    Started(Extent),
    /// It has reached twice the threshold, four times, eight times …
    Ongoing(Extent),
    /// The worker is back.
    Ended(Extent),
}

/// The absences of one worker, one after the other: a stall is one that reaches the
/// threshold.
#[derive(Debug)]
pub(crate) struct Life {
    threshold: Duration,
    /// Two looks are no further apart than this, unless the machine keeps the watchdog
    /// from looking; and what the machine does to the watchdog, it may do to the worker.
    longest_gap: Duration,
    /// When it was looked at last; before the first look, when the watch began.
    last_look: Instant,
    absence: Option<Absence>,
    /// Whether it was ever seen, or known, to be there.
    met: bool,
}

#[derive(Debug)]
struct Absence {
    mark: Mark,
    busy: Option<Duration>,
    /// It began after this, unless it was there when the watch began,
    after: Instant,
    met_before: bool,
    /// and has been seen for so long.
    seen: Duration,
    last_look: Instant,
    next_report: Duration,
    /// When it will be suspected, as long as it is not.
    suspicion: Option<Duration>,
    reported: bool,
    noticed: bool,
}

impl Life {
    pub(crate) fn new(threshold: Duration, tick: Duration, since: Instant) -> Self {
        Self {
            threshold,
            longest_gap: 2 * tick,
            last_look: since,
            absence: None,
            met: false,
        }
    }

    /// Nobody has looked until `at`, and it is certain that the worker was there.
    pub(crate) fn was_there_until(&mut self, at: Instant) {
        if self.absence.is_none() {
            self.last_look = self.last_look.max(at);
            self.met = true;
        }
    }

    pub(crate) fn look(&mut self, look: Look) -> Option<Change> {
        let last_look = std::mem::replace(&mut self.last_look, look.at);
        if let Some(absence) = &mut self.absence
            && look.away == Some(absence.mark)
        {
            return absence.go_on(&look, self.longest_gap);
        }
        // It has returned, and may have left again since.
        let ended = self.absence.take();
        self.met |= ended.is_some() || look.away.is_none();
        self.absence = look.away.map(|mark| Absence {
            mark,
            busy: look.busy,
            after: last_look,
            met_before: self.met,
            seen: Duration::ZERO,
            last_look: look.by,
            next_report: self.threshold,
            suspicion: Some(self.threshold / 4 * 3),
            reported: false,
            noticed: false,
        });
        let ended = ended.filter(|absence| absence.reported);
        ended.map(|absence| Change::Ended(absence.whole(&look)))
    }

    /// What shows that the worker is away, if it is.
    pub(crate) fn away(&self) -> Option<Mark> {
        self.absence.as_ref().map(|absence| absence.mark)
    }

    /// For how long the present absence has been seen.
    pub(crate) fn seen(&self) -> Duration {
        self.absence
            .as_ref()
            .map_or(Duration::ZERO, |absence| absence.seen)
    }

    /// Whether the absence has now been seen for `long`; true once.
    pub(crate) fn has_lasted(&mut self, long: Duration) -> bool {
        let absence = self.absence.as_mut().filter(|absence| absence.seen >= long);
        absence.is_some_and(|absence| !std::mem::replace(&mut absence.noticed, true))
    }

    /// For how long a stall has been seen.
    pub(crate) fn stalled(&self) -> Option<Duration> {
        let absence = self.absence.as_ref()?;
        absence.reported.then_some(absence.seen)
    }

    /// When to look next, to see the threshold reached in time and the end exactly.
    pub(crate) fn next_look(&self, tick: Duration) -> Duration {
        /// A stall's end is known to this fraction of its length,
        const PRECISION: u32 = 100;
        /// or to this.
        const SHORTEST: Duration = Duration::from_millis(1);
        match &self.absence {
            Some(absence) if absence.reported => {
                (absence.seen / PRECISION).clamp(SHORTEST.min(tick), tick)
            }
            Some(absence) => {
                let next = absence.suspicion.unwrap_or(absence.next_report);
                tick.min(next.saturating_sub(absence.seen))
            }
            None => tick,
        }
    }
}

impl Absence {
    fn go_on(&mut self, look: &Look, longest_gap: Duration) -> Option<Change> {
        let gap = look.at.saturating_duration_since(self.last_look);
        self.last_look = self.last_look.max(look.at);
        self.seen += gap.min(longest_gap);
        if self.seen < self.next_report {
            let suspected = self.suspicion.take_if(|suspicion| self.seen >= *suspicion);
            return suspected.map(|_| Change::Suspected);
        }
        self.suspicion = None;
        while self.next_report <= self.seen {
            self.next_report *= 2;
        }
        let extent = self.so_far(look.by);
        Some(if std::mem::replace(&mut self.reported, true) {
            Change::Ongoing(extent)
        } else {
            Change::Started(extent)
        })
    }

    fn so_far(&self, now: Instant) -> Extent {
        Extent {
            at_least: self.seen.saturating_sub(SCHEDULING),
            at_most: now.saturating_duration_since(self.after).max(self.seen),
        }
    }

    /// It has ended by the time of this look.
    fn whole(&self, look: &Look) -> Extent {
        let seen = self.so_far(look.by);
        // Between two publications of its busy time lies at least the absence.
        let busy = self.busy.zip(look.busy);
        let busy = busy.map(|(before, after)| after.saturating_sub(before));
        let at_most = match busy {
            // It began before anybody looked.
            Some(busy) if !self.met_before => busy.max(seen.at_most),
            Some(busy) if busy >= seen.at_least => busy.min(seen.at_most),
            // Nobody publishes it, or the thread had no core while it was not busy yet.
            _ => seen.at_most,
        };
        Extent {
            at_least: seen.at_least.min(at_most),
            at_most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const TICK: Duration = Duration::from_micros(12_500);

    /// A worker on a clock of its own, looked at as the watchdog would.
    struct Driven {
        life: Life,
        start: Instant,
        now: Instant,
        changes: Vec<(Duration, Change)>,
        suspected: Vec<Duration>,
    }

    impl Driven {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                life: Life::new(100 * MS, TICK, start),
                start,
                now: start,
                changes: Vec::new(),
                suspected: Vec::new(),
            }
        }

        fn look(&mut self, away: Option<Mark>, busy: Duration) {
            let look = Look {
                at: self.now,
                by: self.now,
                away,
                busy: Some(busy),
            };
            match self.life.look(look) {
                Some(Change::Suspected) => self.suspected.push(self.now - self.start),
                Some(change) => self.changes.push((self.now - self.start, change)),
                None => {}
            }
        }

        /// Looks as often as the life asks for, as long as `length`.
        fn stay(&mut self, length: Duration, away: Option<Mark>, busy: Duration) {
            let end = self.now + length;
            while self.now < end {
                self.look(away, busy);
                self.now = end.min(self.now + self.life.next_look(TICK));
            }
        }

        fn kinds(&self) -> String {
            let kind = |(_, change): &(_, Change)| match change {
                Change::Suspected => unreachable!("kept apart"),
                Change::Started(_) => 'S',
                Change::Ongoing(_) => 'o',
                Change::Ended(_) => 'E',
            };
            self.changes.iter().map(kind).collect()
        }
    }

    #[test]
    fn a_stall_is_told_at_the_threshold_then_at_each_doubling_and_at_its_end() {
        let mut worker = Driven::new();
        worker.stay(30 * MS, None, 5 * MS);
        worker.stay(900 * MS, Some((1, 0)), 5 * MS);
        worker.look(None, 905 * MS);
        assert_eq!(worker.kinds(), "SoooE");
        // Reached at the first look after each doubling.
        let at = [0, 1, 2, 3].map(|change| worker.changes[change].0);
        for (at, reached) in at.iter().zip([130, 230, 430, 830]) {
            assert!(
                *at >= reached * MS && *at <= reached * MS + TICK,
                "{at:?} for {reached}"
            );
        }
        let Change::Ended(extent) = worker.changes[4].1 else {
            panic!("{:?}", worker.changes)
        };
        assert!(extent.at_least <= 900 * MS && extent.at_most >= 900 * MS);
        assert!(
            extent.at_most <= extent.at_least + TICK + SCHEDULING,
            "{extent:?}"
        );
    }

    #[test]
    fn an_absence_is_suspected_once_a_quarter_before_it_is_a_stall() {
        let mut worker = Driven::new();
        worker.stay(30 * MS, None, Duration::ZERO);
        worker.stay(400 * MS, Some((1, 0)), Duration::ZERO);
        worker.stay(80 * MS, Some((1, 1)), Duration::ZERO);
        worker.stay(70 * MS, Some((1, 2)), Duration::ZERO);
        assert_eq!(worker.suspected, [105 * MS, 505 * MS]);
        assert_eq!(worker.changes[0].0, 130 * MS);
    }

    #[test]
    fn what_stays_below_the_threshold_is_never_told() {
        let mut worker = Driven::new();
        for mark in 0..50 {
            worker.stay(99 * MS, Some((mark, 0)), Duration::ZERO);
        }
        worker.stay(50 * MS, None, Duration::ZERO);
        assert_eq!(worker.changes, []);
    }

    #[test]
    fn two_stalls_with_a_return_between_them_are_two() {
        let mut worker = Driven::new();
        worker.stay(150 * MS, Some((1, 0)), Duration::ZERO);
        worker.stay(220 * MS, Some((1, 150)), 150 * MS);
        worker.look(None, 370 * MS);
        assert_eq!(worker.kinds(), "SESoE");
        for (index, length) in [(1, 150), (4, 220)] {
            let Change::Ended(extent) = worker.changes[index].1 else {
                panic!()
            };
            assert!(
                extent.at_least <= length * MS && extent.at_most >= length * MS,
                "{extent:?}"
            );
        }
    }

    #[test]
    fn a_process_that_stood_still_is_not_a_stall() {
        let mut worker = Driven::new();
        worker.stay(20 * MS, None, Duration::ZERO);
        for mark in 0..10 {
            worker.stay(30 * MS, Some((mark, 0)), Duration::ZERO);
            worker.now += 60 * 1000 * MS;
            worker.look(Some((mark, 0)), Duration::ZERO);
        }
        assert_eq!(worker.changes, []);
    }

    #[test]
    fn a_stall_over_a_stop_of_the_process_states_how_little_it_knows() {
        let mut worker = Driven::new();
        worker.stay(150 * MS, Some((1, 0)), Duration::ZERO);
        worker.now += 10_000 * MS;
        worker.stay(50 * MS, Some((1, 0)), Duration::ZERO);
        worker.look(None, 10_200 * MS);
        let Some((_, Change::Ended(extent))) = worker.changes.last() else {
            panic!()
        };
        assert!(extent.at_least <= 200 * MS + 2 * TICK, "{extent:?}");
        assert!(extent.at_most >= 10_200 * MS, "{extent:?}");
    }

    #[test]
    fn the_busy_time_narrows_a_length_that_looks_alone_leave_open() {
        let mut worker = Driven::new();
        worker.look(None, 7 * MS);
        // It leaves right after a look, so that the first that sees it is late.
        worker.now += TICK;
        worker.stay(300 * MS, Some((1, 7)), 7 * MS);
        worker.now += TICK;
        worker.look(None, 307 * MS + TICK);
        let Some((_, Change::Ended(extent))) = worker.changes.last() else {
            panic!()
        };
        assert_eq!(extent.at_most, 300 * MS + TICK);
    }

    #[test]
    fn time_nobody_looked_at_because_all_was_quiet_belongs_to_no_stall() {
        let mut worker = Driven::new();
        worker.look(None, Duration::ZERO);
        worker.now += 1_000 * MS;
        worker.life.was_there_until(worker.now);
        worker.stay(150 * MS, Some((1, 0)), Duration::ZERO);
        let (_, Change::Started(extent)) = worker.changes[0] else {
            panic!()
        };
        assert_eq!(extent.at_least, extent.at_most.saturating_sub(SCHEDULING));
    }

    #[test]
    fn a_stall_that_was_there_before_the_watch_is_as_long_as_its_busy_time() {
        let mut worker = Driven::new();
        worker.stay(150 * MS, Some((1, 0)), 50 * MS);
        worker.look(None, 1_050 * MS);
        let Some((_, Change::Ended(extent))) = worker.changes.last() else {
            panic!()
        };
        assert_eq!(extent.at_most, 1_000 * MS);
        assert!(extent.at_least <= 150 * MS, "{extent:?}");
    }
}
