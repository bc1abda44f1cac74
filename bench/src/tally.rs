//! What was told of stalls beside what was true, over many trials.

use std::time::Duration;

use loopmon::WorkerName;

use crate::report::Report;
use crate::stats::quantile;
use crate::truth::Truth;
use crate::witness::Told;

/// The default of a release build.
pub(crate) const THRESHOLD: Duration = Duration::from_millis(100);
/// Between two looks of the watchdog.
pub(crate) const TICK: Duration = Duration::from_micros(12_500);
/// A first report may come this much after the threshold.
const GRACE: f64 = 1.25;
/// How wide the interval may be in which the length lies.
const WIDEST: f64 = 5.0;

/// Counts and times, in ms.
#[derive(Default)]
pub(crate) struct Tally {
    truths: usize,
    found: usize,
    /// From the start to the first report.
    delays: Vec<f64>,
    /// Of that, what neither the threshold nor the machine explains.
    excesses: Vec<f64>,
    late: Vec<String>,
    widths: Vec<f64>,
    within: usize,
    /// By how much a true length was missed.
    outside: Vec<String>,
    untrue: Vec<String>,
    missed: Vec<String>,
}

impl Tally {
    /// Judges one trial of one runtime, in which the machine was `host_lag` late.
    pub(crate) fn add(&mut self, truths: &[Truth], mut told: Vec<Told>, host_lag: Duration) {
        for truth in truths {
            self.truths += 1;
            match told.iter().position(|told| is_of(told, truth)) {
                Some(index) => self.judge(truth, &told.swap_remove(index), host_lag),
                None => self.missed.push(format!("missed: {truth:?}")),
            }
        }
        let untrue = told.iter().map(|told| format!("untrue: {told:?}"));
        self.untrue.extend(untrue);
    }

    fn judge(&mut self, truth: &Truth, told: &Told, host_lag: Duration) {
        self.found += 1;
        let delay = told.made.saturating_duration_since(truth.started);
        self.delays.push(ms(delay));
        self.excesses.push(ms(delay) - ms(THRESHOLD) - ms(host_lag));
        if ms(delay) - ms(THRESHOLD) - ms(host_lag) > GRACE * ms(TICK) {
            self.late.push(format!(
                "late: told after {delay:.1?}, host lag {host_lag:.1?}; {:.1?} of {truth:?}",
                told.first
            ));
        }
        self.widths.push(ms(told.duration_error));
        let (least, most) = (told.at_least(), told.duration);
        if told.ended && least <= truth.at_most() && truth.length() <= most {
            self.within += 1;
        } else {
            self.outside.push(format!(
                "outside: {:?} to {:?} in a {:?} on {:?}, told {least:?} to {most:?}, ended {}",
                truth.length(),
                truth.at_most(),
                truth.kind,
                truth.worker,
                told.ended
            ));
        }
    }

    /// Whether the right ones were told, and in time.
    pub(crate) fn report_who(&self, report: &mut Report, of: &str) {
        let (found, all) = (self.found, self.truths);
        report.goal(
            &format!("{of}: told, on the right worker"),
            format!("{found} of {all}"),
            "all",
            found == all && all > 0,
        );
        let untrue = self.untrue.len();
        report.goal(
            &format!("{of}: told and not true"),
            untrue.to_string(),
            "none",
            untrue == 0,
        );
        let (bound, p99) = (GRACE * ms(TICK), quantile(&self.excesses, 0.99));
        report.goal(
            &format!("{of}: first report after threshold and host lag, p99"),
            format!(
                "{p99:.1} ms (after the start: median {:.1}, p99 {:.1}, most {:.1})",
                quantile(&self.delays, 0.5),
                quantile(&self.delays, 0.99),
                quantile(&self.delays, 1.0)
            ),
            &format!("at most {bound:.1} ms"),
            p99 <= bound,
        );
        for what in self
            .missed
            .iter()
            .chain(&self.untrue)
            .chain(&self.late)
            .take(8)
        {
            report.note(what.clone());
        }
    }

    /// Whether the lengths are right, and how exactly they are known.
    pub(crate) fn report_lengths(&self, report: &mut Report, of: &str) {
        let found = self.found;
        report.goal(
            &format!("{of}: true length within what was told"),
            format!("{} of {found}", self.within),
            "all",
            self.within == found && found > 0,
        );
        let narrow = self.widths.iter().filter(|width| **width <= WIDEST);
        let narrow = narrow.count();
        report.goal(
            &format!("{of}: lengths told to {WIDEST} ms"),
            format!(
                "{narrow} of {found} (median {:.1}, p99 {:.1}, most {:.1})",
                quantile(&self.widths, 0.5),
                quantile(&self.widths, 0.99),
                quantile(&self.widths, 1.0)
            ),
            "99 of 100",
            narrow * 100 >= found * 99 && found > 0,
        );
        for what in self.outside.iter().take(8) {
            report.note(what.clone());
        }
    }
}

/// Whether a stall is told of the right worker, for a time that overlaps the truth.
fn is_of(told: &Told, truth: &Truth) -> bool {
    let worker = truth.worker.map_or(WorkerName::Main, WorkerName::Index);
    told.worker == worker && truth.started < told.made && told.began_by < truth.ended
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocker::{Kind, Place};
    use std::time::Instant;

    #[test]
    fn a_stall_that_nobody_told_is_a_missed_goal() {
        let started = Instant::now();
        let truth = Truth {
            kind: Kind::Sleep,
            place: Place::Task,
            worker: Some(1),
            started,
            ended: started + 2 * THRESHOLD,
            around: None,
        };
        let (mut tally, mut report) = (Tally::default(), Report::default());
        tally.add(&[truth], Vec::new(), Duration::ZERO);
        tally.report_who(&mut report, "nobody");
        assert!(!report.met());
        assert!(report.to_text().contains("0 of 1"), "{}", report.to_text());
    }
}
