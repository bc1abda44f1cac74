use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::Nanos;

/// The words that pass between the watchdog and the probe of one runtime. At most
/// one question is open at a time, so one word each way is enough.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// When the event became ready that the probe has not seen yet; 0 if none.
    asked: AtomicU64,
    /// Since when the event counts as one of the regular ones; 0 if it does not.
    counted: AtomicU64,
    /// The lag that the watchdog has not collected yet, plus one; 0 if none.
    answer: AtomicU64,
    /// The newest lag, plus one; 0 before the first.
    last: AtomicU64,
    /// Answers that nobody collected in time.
    lost: AtomicU64,
    /// The probe has found Tokio's clock paused and given up.
    clock_paused: AtomicBool,
}

impl Line {
    /// Notes that an event is ready, or will be, at `when`. Comes before the event:
    /// what wakes the probe also makes this store visible to it.
    pub(crate) fn ask(&self, when: Instant) {
        self.counted
            .store(Nanos::at(when).word(), Ordering::Relaxed);
        self.asked.store(Nanos::at(when).word(), Ordering::Release);
    }

    /// As [`ask`](Self::ask), for an event that is not one of the regular ones.
    pub(crate) fn ask_out_of_turn(&self, when: Instant) {
        self.counted.store(0, Ordering::Relaxed);
        self.asked.store(Nanos::at(when).word(), Ordering::Release);
    }

    /// A regular event would have been ready at `when`, while one out of turn waits.
    pub(crate) fn count_from(&self, when: Instant) {
        self.counted
            .store(Nanos::at(when).word(), Ordering::Relaxed);
    }

    /// Called by the probe as soon as it runs: publishes the lag, and returns it.
    pub(crate) fn answer(&self, now: Instant) -> Option<Duration> {
        // A wake-up that nobody asked for measures nothing.
        let asked = Nanos::from_word(self.asked.swap(0, Ordering::Acquire))?;
        // An event that lies ahead can only mean a clock that the program moved.
        let lag = Nanos::at(now).since(asked)?;
        let word = u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX - 1) + 1;
        self.last.store(word, Ordering::Relaxed);
        if self.answer.swap(word, Ordering::Release) != 0 {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Some(lag)
    }

    /// The answer to collect, if there is one.
    pub(crate) fn take_answer(&self) -> Option<Duration> {
        duration(self.answer.swap(0, Ordering::Acquire))
    }

    /// How long a ready event has been waiting at `now`; `None` if none is.
    pub(crate) fn waiting(&self, now: Instant) -> Option<Duration> {
        let asked = Nanos::from_word(self.asked.load(Ordering::Acquire))?;
        Nanos::at(now).since(asked)
    }

    /// As [`waiting`](Self::waiting), for the regular event only.
    pub(crate) fn counted_waiting(&self, now: Instant) -> Option<Duration> {
        let counted = Nanos::from_word(self.counted.load(Ordering::Relaxed))?;
        Nanos::at(now).since(counted)
    }

    /// The newest lag.
    pub(crate) fn last(&self) -> Option<Duration> {
        duration(self.last.load(Ordering::Relaxed))
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn give_up_on_paused_clock(&self) {
        self.asked.store(0, Ordering::Release);
        self.clock_paused.store(true, Ordering::Release);
    }

    pub(crate) fn clock_is_paused(&self) -> bool {
        self.clock_paused.load(Ordering::Acquire)
    }
}

/// Undoes the "plus one" of the words above.
fn duration(word: u64) -> Option<Duration> {
    word.checked_sub(1).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn an_answer_is_the_time_from_ready_to_running_and_is_collected_once() {
        let (line, start) = (Line::default(), Instant::now());
        line.ask(start);
        assert_eq!(line.waiting(start + 7 * MS), Some(7 * MS));
        assert_eq!(line.take_answer(), None);
        line.answer(start + 9 * MS);
        assert_eq!(line.waiting(start + 10 * MS), None);
        assert_eq!(line.take_answer(), Some(9 * MS));
        assert_eq!(line.take_answer(), None);
        assert_eq!(line.last(), Some(9 * MS));
    }

    #[test]
    fn a_wake_up_without_a_question_measures_nothing() {
        let line = Line::default();
        line.answer(Instant::now());
        assert_eq!(line.take_answer(), None);
        assert_eq!(line.last(), None);
    }

    #[test]
    fn an_event_out_of_turn_counts_from_when_a_regular_one_is_due() {
        let (line, start) = (Line::default(), Instant::now());
        line.ask_out_of_turn(start);
        let waits = |now| (line.waiting(now), line.counted_waiting(now));
        assert_eq!(waits(start + 9 * MS), (Some(9 * MS), None));
        line.count_from(start + 10 * MS);
        assert_eq!(waits(start + 12 * MS), (Some(12 * MS), Some(2 * MS)));
        line.answer(start + 12 * MS);
        line.ask(start + 20 * MS);
        assert_eq!(waits(start + 21 * MS), (Some(MS), Some(MS)));
    }

    #[test]
    fn an_answer_before_the_event_is_discarded() {
        let (line, start) = (Line::default(), Instant::now());
        line.ask(start + MS);
        assert_eq!(line.waiting(start), None, "not ready yet, so nothing waits");
        line.answer(start);
        assert_eq!(line.take_answer(), None);
    }

    #[test]
    fn an_answer_nobody_collected_is_counted() {
        let (line, start) = (Line::default(), Instant::now());
        for round in 1..=3 {
            line.ask(start);
            line.answer(start + round * MS);
        }
        assert_eq!(line.lost(), 2);
        assert_eq!(line.take_answer(), Some(3 * MS));
    }
}
