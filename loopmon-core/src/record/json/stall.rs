use serde::{Deserialize, Serialize};

use super::{in_micros, seconds};
use crate::record::Stall;
use crate::stall::{Hotspot, StallTotals, Stalls};

/// The fields of [`Kind::Stall`](super::Kind::Stall).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields of `Stall` and `Culprit` by the same names, with units"
)]
pub struct StallLine {
    pub phase: String,
    pub id: u64,
    pub runtime: String,
    pub worker: String,
    pub duration_s: f64,
    pub duration_error_s: f64,
    pub cause: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Whether the function is the program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unnamed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_queue_depth: Option<usize>,
    pub parked: usize,
    pub workers: usize,
    #[serde(default, skip_serializing_if = "is_false")]
    pub drill: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub muted: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held_back: u64,
}

/// The stalls in a window; missing as long as there was none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields of `Stalls` by the same names, with units"
)]
pub struct StallsFields {
    pub active: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<f64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held_back: u64,
    pub by_cause: Vec<StallTotalsFields>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hotspots: Vec<HotspotFields>,
}

/// The stalls of one cause in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields of `StallTotals` by the same names, with units"
)]
pub struct StallTotalsFields {
    pub cause: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub drill: bool,
    pub started: u64,
    pub time_s: f64,
    /// The longest that ended in the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_s: Option<f64>,
}

/// All stalls of one culprit in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields of `Hotspot` by the same names, with units"
)]
pub struct HotspotFields {
    pub function: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    pub cause: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    pub count: u64,
    pub time_s: f64,
    /// The longest since the runtime was first monitored.
    pub longest_s: f64,
    /// When the last was noticed, as `monotonic_s`.
    pub last_s: f64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl From<&Stall> for StallLine {
    fn from(stall: &Stall) -> Self {
        let culprit = stall.culprit.as_deref();
        Self {
            phase: stall.phase.to_string(),
            id: stall.id,
            runtime: stall.runtime.to_string(),
            worker: stall.worker.to_string(),
            duration_s: in_micros(stall.duration),
            duration_error_s: in_micros(stall.duration_error),
            cause: stall.cause.to_string(),
            function: culprit.map(|culprit| culprit.function.to_string()),
            file: culprit.and_then(|culprit| owned(culprit.file.as_deref())),
            line: culprit.and_then(|culprit| culprit.line),
            own: culprit.map(|culprit| culprit.own),
            called: culprit.and_then(|culprit| owned(culprit.called.as_deref())),
            task: culprit.and_then(|culprit| owned(culprit.task.as_deref())),
            advice: owned(stall.advice()),
            stack: culprit.map_or_else(Vec::new, |culprit| {
                culprit.stack.iter().map(ToString::to_string).collect()
            }),
            truncated: culprit.is_some_and(|culprit| culprit.truncated),
            unnamed: owned(stall.unnamed.as_deref()),
            lag_s: seconds(stall.lag),
            global_queue_depth: stall.global_queue_depth,
            parked: stall.parked,
            workers: stall.workers,
            drill: stall.drill,
            muted: stall.muted,
            held_back: stall.held_back,
        }
    }
}

impl StallsFields {
    pub(super) fn of(stalls: &Stalls) -> Option<Self> {
        let fields = || Self {
            active: stalls.active,
            age_s: seconds(stalls.age),
            held_back: stalls.held_back,
            by_cause: stalls
                .by_cause
                .iter()
                .map(StallTotalsFields::from)
                .collect(),
            hotspots: stalls.hotspots.iter().map(HotspotFields::from).collect(),
        };
        (!stalls.by_cause.is_empty()).then(fields)
    }
}

impl From<&StallTotals> for StallTotalsFields {
    fn from(totals: &StallTotals) -> Self {
        Self {
            cause: totals.cause.to_string(),
            drill: totals.drill,
            started: totals.started,
            time_s: in_micros(totals.time),
            max_s: seconds(totals.durations.max()),
        }
    }
}

impl From<&Hotspot> for HotspotFields {
    fn from(hotspot: &Hotspot) -> Self {
        Self {
            function: hotspot.function.to_string(),
            file: owned(hotspot.file.as_deref()),
            line: hotspot.line,
            cause: hotspot.cause.to_string(),
            called: owned(hotspot.called.as_deref()),
            count: hotspot.count,
            time_s: in_micros(hotspot.time),
            longest_s: in_micros(hotspot.longest),
            last_s: hotspot.last.monotonic.as_secs_f64(),
        }
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::record::Event;
    use crate::record::json::{Kind, Line};
    use crate::record::tests::stall;
    use crate::stall::Cause;

    #[test]
    fn the_culprit_reads_back_from_a_line() {
        let line = Line::from(&Event::Stall(&stall(Cause::Blocking)));
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(Line::read(&text).unwrap(), line);
        let Kind::Stall(stall) = line.kind else {
            panic!("{text}")
        };
        assert_eq!(stall.function.as_deref(), Some("myapp::config::load"));
        assert_eq!(
            (stall.file.as_deref(), stall.line),
            (Some("src/config.rs"), Some(37))
        );
        assert_eq!(stall.called.as_deref(), Some("std::thread::sleep"));
        assert_eq!((stall.stack.len(), stall.own), (2, Some(true)));
        assert!(stall.advice.is_some());
    }

    #[test]
    fn a_line_from_before_there_were_culprits_is_still_read() {
        let old = r#"{"time":"2026-11-22T10:00:00.000Z","monotonic_s":1.0,"event":"stall",
            "phase":"started","id":1,"runtime":"main","worker":"0","duration_s":0.1,
            "duration_error_s":0.0,"cause":"unknown","parked":3,"workers":4}"#;
        let Kind::Stall(stall) = Line::read(old).unwrap().kind else {
            panic!("{old}")
        };
        assert_eq!((stall.function, stall.stack), (None, Vec::new()));
    }
}
