use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Cause;

/// Of each kind of stall so many are told in full,
const IN_FULL: u64 = 5;
/// and after that one in this time.
const PERIOD: Duration = Duration::from_secs(60);
/// Of all stalls together so many lines are told in a period.
const LINES: u32 = 30;
/// More kinds than this share one account.
const KINDS: usize = 64;

/// What stalls are counted together: those that would make the same line.
pub(crate) type Kind = (Arc<str>, Cause);

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
    /// Nothing.
    Not,
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
        let account = self.account(kind);
        let telling = if account.told < IN_FULL {
            Telling::InFull
        } else if account.last_told.is_none_or(|last| now >= last + PERIOD) {
            Telling::InShort
        } else {
            Telling::Not
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
        (name.into(), Cause::Unknown)
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
}
