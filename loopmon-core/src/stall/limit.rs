use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Cause, Phase};

/// Of each kind of stall so many are told in full,
const IN_FULL: u64 = 5;
/// and after that one in this time.
const PERIOD: Duration = Duration::from_secs(60);
/// Of all stalls together so many lines are told in a period.
const LINES: u32 = 30;
/// More kinds than this share one account.
const KINDS: usize = 64;

/// What stalls are counted together, because they would make the same line: those of one
/// runtime, one cause, and one function if that is known.
pub(crate) type Kind = (Arc<str>, Cause, Option<Arc<str>>);

/// Keeps logs readable: decides which stalls are left out there. Counters count them
/// all the same.
#[derive(Debug)]
pub(crate) struct Limit {
    accounts: Vec<Account>,
    /// The period in which `lines` were told began here.
    period: Instant,
    lines: u32,
}

#[derive(Debug)]
struct Account {
    /// `None` for all that came too late for an account of their own.
    kind: Option<Kind>,
    told: u64,
    last_told: Option<Instant>,
    held_back: u64,
}

/// How much of a stall is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// All of it.
    InFull,
    /// Its start and its end.
    InShort,
    /// One line: it is [no stall](Cause::is_stall).
    Once,
    /// Nothing.
    Not,
}

impl Telling {
    /// Whether this part of its life is told, if there are lines left.
    pub(crate) fn tells(self, phase: Phase) -> bool {
        match self {
            Self::InFull => true,
            Self::InShort => phase != Phase::Ongoing,
            Self::Once => phase == Phase::Started,
            Self::Not => false,
        }
    }
}

impl Limit {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            accounts: Vec::new(),
            period: now,
            lines: 0,
        }
    }

    /// A stall has started: how it is told, and how many of its kind were not since the
    /// last that was.
    pub(crate) fn start(&mut self, kind: &Kind, now: Instant) -> (Telling, u64) {
        let line = self.has_line(now);
        let is_stall = kind.1.is_stall();
        let account = self.account(kind);
        let is_due = account.last_told.is_none_or(|last| now >= last + PERIOD);
        let telling = match (is_stall, is_due) {
            (true, _) if account.told < IN_FULL => Telling::InFull,
            (true, true) => Telling::InShort,
            (false, true) => Telling::Once,
            (_, false) => Telling::Not,
        };
        if telling == Telling::Not || !line {
            account.held_back += 1;
            return (Telling::Not, 0);
        }
        account.told += 1;
        account.last_told = Some(now);
        let held_back = std::mem::take(&mut account.held_back);
        self.lines += 1;
        (telling, held_back)
    }

    /// Whether one more line of a stall that is being told may be told now.
    pub(crate) fn line(&mut self, now: Instant) -> bool {
        let line = self.has_line(now);
        self.lines += u32::from(line);
        line
    }

    fn has_line(&mut self, now: Instant) -> bool {
        if now >= self.period + PERIOD {
            self.period = now;
            self.lines = 0;
        }
        self.lines < LINES
    }

    fn account(&mut self, kind: &Kind) -> &mut Account {
        // Nobody is to blame for what is no stall.
        let (runtime, cause, function) = kind;
        let function = function.as_ref().filter(|_| cause.is_stall());
        let kind = &(Arc::clone(runtime), *cause, function.cloned());
        let found = |account: &Account| account.kind.as_ref().is_none_or(|k| k == kind);
        let index = self.accounts.iter().position(found);
        let index = index.unwrap_or_else(|| {
            let kind = (self.accounts.len() < KINDS).then(|| kind.clone());
            self.accounts.push(Account {
                kind,
                told: 0,
                last_told: None,
                held_back: 0,
            });
            self.accounts.len() - 1
        });
        #[allow(clippy::indexing_slicing, reason = "found or pushed right above")]
        &mut self.accounts[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn kind(name: &str) -> Kind {
        (name.into(), Cause::Unknown, None)
    }

    #[test]
    fn five_are_told_in_full_then_one_a_minute_with_the_number_left_out() {
        let start = Instant::now();
        let (mut limit, kind) = (Limit::new(start), kind("main"));
        let tellings: Vec<_> = (0..130)
            .map(|second| limit.start(&kind, start + second * SECOND))
            .collect();
        assert_eq!(tellings[..5], [(Telling::InFull, 0); 5]);
        // The fifth was told at second 4.
        assert_eq!(tellings[64], (Telling::InShort, 59));
        assert_eq!(tellings[124], (Telling::InShort, 59));
        let told = tellings.iter().filter(|(how, _)| *how != Telling::Not);
        assert_eq!(told.count(), 7);
    }

    #[test]
    fn all_kinds_together_have_thirty_lines_a_minute() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        let kinds: Vec<Kind> = (0..50).map(|n| kind(&n.to_string())).collect();
        let mut told = 0;
        for kind in &kinds {
            if limit.start(kind, start).0 != Telling::Not {
                told += 1 + u32::from(limit.line(start));
            }
        }
        assert_eq!(told, 30);
        assert!(!limit.line(start + 59 * SECOND));
        assert!(limit.line(start + 60 * SECOND));
        // What was held back for want of lines is told of later.
        let (telling, held_back) = limit.start(&kinds[49], start + 61 * SECOND);
        assert_eq!((telling, held_back), (Telling::InFull, 1));
    }

    #[test]
    fn kinds_without_end_share_an_account_and_take_no_more_memory() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        for n in 0..10_000 {
            // A minute apart, so that it is not the number of lines that limits.
            limit.start(&kind(&n.to_string()), start + n * SECOND * 60);
        }
        assert_eq!(limit.accounts.len(), KINDS + 1);
    }

    #[test]
    fn each_culprit_is_told_in_full_however_often_another_was() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        let of = |function: &str| (Arc::from("main"), Cause::Cpu, Some(function.into()));
        for second in 0..100 {
            limit.start(&of("myapp::noisy"), start + second * SECOND);
        }
        let (telling, _) = limit.start(&of("myapp::new"), start + 100 * SECOND);
        assert_eq!(telling, Telling::InFull);
    }

    #[test]
    fn what_is_no_stall_makes_one_line_a_minute_whoever_ran() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        let mut lines = 0;
        for second in 0..120 {
            let function = Arc::from(second.to_string());
            let kind = (Arc::from("main"), Cause::ManyPolls, Some(function));
            let (telling, _) = limit.start(&kind, start + second * SECOND);
            for phase in [Phase::Started, Phase::Ongoing, Phase::Ended] {
                lines += u32::from(telling.tells(phase));
            }
        }
        assert_eq!(lines, 2);
    }
}
