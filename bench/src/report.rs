//! What a scenario found, and whether that is what it should be.

use std::fmt::Write as _;
use std::time::Duration;

/// One line of the result.
pub(crate) struct Finding {
    what: String,
    measured: String,
    goal: String,
    met: bool,
}

/// The findings of one scenario.
#[derive(Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
    notes: Vec<String>,
    trials: Trials,
}

/// How many trials counted. In the others the machine itself was late: what they
/// show is not the program's doing.
#[derive(Default)]
struct Trials {
    kept: u32,
    discarded: u32,
}

/// A trial in which the watchdog was later than this is discarded.
pub(crate) const HOST_LAG_BOUND: Duration = Duration::from_millis(20);

impl Report {
    pub(crate) fn goal(&mut self, what: &str, measured: String, goal: &str, met: bool) {
        self.findings.push(Finding {
            what: what.into(),
            measured,
            goal: goal.into(),
            met,
        });
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Whether a trial counts, given how late the watchdog was in it.
    pub(crate) fn keeps(&mut self, host_lag: Option<Duration>) -> bool {
        let keep = host_lag.unwrap_or_default() <= HOST_LAG_BOUND;
        if keep {
            self.trials.kept += 1;
        } else {
            self.trials.discarded += 1;
        }
        keep
    }

    /// Every goal met, and at most one trial in five discarded.
    pub(crate) fn met(&self) -> bool {
        self.findings.iter().all(|finding| finding.met) && self.enough_trials()
    }

    fn enough_trials(&self) -> bool {
        let Trials { kept, discarded } = self.trials;
        discarded * 4 <= kept
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for Finding {
            what,
            measured,
            goal,
            met,
        } in &self.findings
        {
            let verdict = if *met { "met" } else { "MISSED" };
            let _ = writeln!(text, "  {what}: {measured}; goal {goal}: {verdict}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "  {note}");
        }
        let Trials { kept, discarded } = self.trials;
        if kept + discarded > 0 {
            let verdict = if self.enough_trials() {
                ""
            } else {
                ": TOO MANY"
            };
            let _ = writeln!(
                text,
                "  {kept} trials, {discarded} discarded for host lag{verdict}"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_fails_the_scenario() {
        let mut report = Report::default();
        report.goal("lag", "1 µs".into(), "at most 2 µs", true);
        assert!(report.met());
        report.goal("cost", "3 µs".into(), "at most 2 µs", false);
        assert!(!report.met());
        assert!(
            report
                .to_text()
                .contains("cost: 3 µs; goal at most 2 µs: MISSED")
        );
    }

    #[test]
    fn more_than_one_discarded_trial_in_five_fails_the_scenario() {
        let mut report = Report::default();
        for _ in 0..4 {
            assert!(report.keeps(Some(HOST_LAG_BOUND)));
        }
        assert!(!report.keeps(Some(HOST_LAG_BOUND * 2)));
        assert!(report.met());
        report.keeps(Some(HOST_LAG_BOUND * 2));
        assert!(!report.met());
    }
}
