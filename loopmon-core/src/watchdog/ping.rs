//! When to ping, and what an answer says about the pings that could not be sent.

use std::time::{Duration, Instant};

use crate::histogram::Recorder;
use crate::jitter::Jitter;

/// The schedule of one runtime's pings: time is cut into cells of one interval,
/// and each cell has its ping at a random place. So there is one ping an interval
/// on average, and no rhythm that the program could share.
///
/// While a ping waits, those that would follow can't be sent, yet each would have
/// waited too. Leaving them out is the *coordinated omission* that makes a loop
/// that stands still for minutes look like one late event; so they are recorded
/// when the answer is there, as late as they would have been.
#[derive(Debug)]
pub(crate) struct Pinger {
    interval: Duration,
    jitter: Jitter,
    /// Where the cell of `next` begins.
    cell: Instant,
    /// When the next ping is due, or would be if none were out.
    next: Instant,
    /// When the ping that waits for its answer was due.
    out: Option<Instant>,
    /// When the event was made ready that the probe has not answered: the same, or
    /// earlier, if it was out of turn.
    asked: Option<Instant>,
    /// A ping fell due while one out of turn was thought to be out, and was not sent.
    owed: bool,
}

/// What is to be done about the ping that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Send,
    /// An event out of turn is waiting. This one would wait with it, so it is counted as
    /// if it had been sent.
    Count,
}

impl Pinger {
    pub(crate) fn new(interval: Duration, now: Instant) -> Self {
        let mut jitter = Jitter::new();
        let next = now + jitter.within(interval);
        Self {
            interval,
            jitter,
            cell: now,
            next,
            out: None,
            asked: None,
            owed: false,
        }
    }

    /// Records the answer to the ping that is out, and to those that would have
    /// followed it.
    pub(crate) fn answered(&mut self, lag: Duration, lags: &Recorder) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        let answered = asked + lag;
        let Some(sent) = self.out.take() else { return };
        let Some(lag) = answered.checked_duration_since(sent) else {
            // The answer was there already when this one fell due.
            self.owed = true;
            return;
        };
        lags.record(lag);
        let Some(first_omitted) = answered.checked_duration_since(self.next) else {
            return;
        };
        lags.record_descending(first_omitted, self.interval);
        let omitted = first_omitted
            .as_nanos()
            .div_ceil(self.interval.as_nanos().max(1));
        let skipped = self
            .interval
            .saturating_mul(u32::try_from(omitted).unwrap_or(u32::MAX));
        self.cell += skipped;
        self.next += skipped;
    }

    /// What is to be done now; if anything, it counts as done.
    pub(crate) fn send(&mut self, now: Instant) -> Due {
        if self.out.is_some() || (now < self.next && !self.owed) {
            return Due::Nothing;
        }
        self.out = Some(now);
        if !std::mem::take(&mut self.owed) {
            self.plan_next(now);
        }
        if self.asked.is_some() {
            return Due::Count;
        }
        self.asked = Some(now);
        Due::Send
    }

    /// A worker is suspected to be stuck: whether a ping is to be sent out of turn, to
    /// see how late the loop is. Not if one is out already.
    pub(crate) fn send_out_of_turn(&mut self, now: Instant) -> bool {
        let send = self.asked.is_none();
        self.asked = self.asked.or(Some(now));
        send
    }

    /// Whether an event of ours waits for its answer, as far as was collected.
    pub(crate) fn is_out(&self) -> bool {
        self.asked.is_some()
    }

    /// When the next ping is to be sent. While one is out this may lie in the past.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    fn plan_next(&mut self, now: Instant) {
        self.cell += self.interval;
        // A watchdog that could not run for long starts afresh: there was no ping
        // to be late, and what the machine did is host lag.
        if self.cell + self.interval < now {
            self.cell = now;
        }
        self.next = self.cell + self.jitter.within(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;

    const MS: Duration = Duration::from_millis(1);

    /// So many that chance does not decide.
    const PHASES: usize = 200;
    /// 18 of 20.
    const NINE_TENTHS: usize = PHASES * 18 / 20;

    /// A loop that is frozen for 250 ms of every 2.5 s, from a phase on, watched by
    /// a pinger that asks at once and collects `collected_after` the answer.
    fn frozen_a_tenth(interval: Duration, length: Duration, phase: Duration) -> Recorder {
        let (period, freeze) = (2_500 * MS, 250 * MS);
        let start = Instant::now();
        let mut pinger = Pinger::new(interval, start);
        let lags = Recorder::new();
        loop {
            let now = pinger.due();
            if now >= start + length {
                return lags;
            }
            assert_eq!(pinger.send(now), Due::Send);
            let into_period = (now - start + phase).as_nanos() % period.as_nanos();
            let into_period = Duration::from_nanos(u64::try_from(into_period).unwrap());
            pinger.answered(freeze.saturating_sub(into_period), &lags);
        }
    }

    fn phases_within(truth: &Range<Duration>, interval: Duration, length: Duration) -> usize {
        let mut jitter = Jitter::new();
        let p99s = (0..PHASES).map(|_| {
            let phase = jitter.within(2_500 * MS);
            frozen_a_tenth(interval, length, phase)
                .load()
                .quantile(0.99)
                .unwrap()
        });
        p99s.filter(|p99| truth.contains(p99)).count()
    }

    /// One event in ten meets the freeze and waits 0 to 250 ms, each length as
    /// often: 99 of 100 wait less than 225 ms.
    fn five_percent_around_the_true_p99() -> Range<Duration> {
        (225 * MS).mul_f64(0.95)..(225 * MS).mul_f64(1.05)
    }

    #[test]
    fn p99_is_true_after_a_minute_at_25_ms() {
        let truth = five_percent_around_the_true_p99();
        assert!(phases_within(&truth, 25 * MS, Duration::from_secs(60)) >= NINE_TENTHS);
    }

    #[test]
    fn p99_is_true_after_ten_minutes_at_250_ms() {
        let truth = five_percent_around_the_true_p99();
        // 240 stalls scatter the estimate by 2.2 %, so about one phase in fifty is outside.
        assert!(phases_within(&truth, 250 * MS, Duration::from_secs(600)) >= NINE_TENTHS);
    }

    #[test]
    fn the_mean_time_between_pings_is_the_interval() {
        let start = Instant::now();
        let mut pinger = Pinger::new(10 * MS, start);
        let lags = Recorder::new();
        let mut sent = 0;
        while pinger.due() < start + 10_000 * MS {
            let due = pinger.due();
            let early = due.checked_sub(Duration::from_nanos(1)).unwrap();
            assert_eq!(pinger.send(early), Due::Nothing, "not before it is due");
            assert_eq!(pinger.send(due), Due::Send);
            sent += 1;
            pinger.answered(Duration::ZERO, &lags);
        }
        assert!((999..=1001).contains(&sent), "{sent}");
        assert_eq!(lags.load().count(), sent);
    }

    #[test]
    fn an_hour_without_an_answer_is_one_ping_and_counts_as_all_that_were_due() {
        let start = Instant::now();
        let mut pinger = Pinger::new(250 * MS, start);
        let lags = Recorder::new();
        let sent = pinger.due();
        assert_eq!(pinger.send(sent), Due::Send);
        let hour = Duration::from_secs(3600);
        for minute in 1..=60 {
            let later = sent + minute * Duration::from_secs(60);
            assert_eq!(pinger.send(later), Due::Nothing);
        }
        pinger.answered(hour, &lags);
        let count = lags.load().count();
        assert!((14_399..=14_401).contains(&count), "{count}");
        let next = pinger.due();
        assert!(next >= sent + hour && next <= sent + hour + 500 * MS);
    }

    #[test]
    fn a_watchdog_that_slept_sends_one_ping_and_invents_none() {
        let start = Instant::now();
        let mut pinger = Pinger::new(250 * MS, start);
        let lags = Recorder::new();
        let after_suspend = start + Duration::from_secs(600);
        assert_eq!(pinger.send(after_suspend), Due::Send);
        // At once: in one case of 250 the next ping would come within a millisecond.
        pinger.answered(Duration::ZERO, &lags);
        assert_eq!(lags.load().count(), 1);
        assert!(pinger.due() > after_suspend);
    }

    #[test]
    fn a_ping_out_of_turn_is_not_recorded() {
        let start = Instant::now();
        let (mut pinger, lags) = (Pinger::new(250 * MS, start), Recorder::new());
        assert!(pinger.send_out_of_turn(start));
        assert!(!pinger.send_out_of_turn(start + MS), "one is out");
        pinger.answered(Duration::ZERO, &lags);
        assert_eq!(lags.load().count(), 0);
        assert!(pinger.send_out_of_turn(start + MS));
    }

    #[test]
    fn a_ping_due_while_one_out_of_turn_waits_is_recorded_as_late_as_it_would_have_been() {
        let start = Instant::now();
        let (mut pinger, lags) = (Pinger::new(250 * MS, start), Recorder::new());
        let due = pinger.due();
        let asked = start;
        assert!(pinger.send_out_of_turn(asked));
        assert_eq!(pinger.send(due), Due::Count);
        assert_eq!(pinger.send(due), Due::Nothing);
        pinger.answered(due + 60 * MS - asked, &lags);
        let max = lags.load().max().unwrap();
        assert!(max >= 60 * MS && max < 61 * MS, "{max:?}");
        assert!(lags.load().count() <= 2);
    }

    #[test]
    fn a_ping_that_was_not_sent_though_the_loop_was_free_is_sent_then() {
        let start = Instant::now();
        let (mut pinger, lags) = (Pinger::new(250 * MS, start), Recorder::new());
        let asked = pinger.due();
        let due = asked + MS;
        assert!(pinger.send_out_of_turn(asked));
        assert_eq!(pinger.send(due), Due::Count);
        // The answer was there before, but nobody had looked.
        pinger.answered(MS / 2, &lags);
        assert_eq!(lags.load().count(), 0);
        assert_eq!(pinger.send(due), Due::Send);
        pinger.answered(MS / 10, &lags);
        assert_eq!(lags.load().count(), 1);
    }
}
