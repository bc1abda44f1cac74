use serde::{Deserialize, Serialize};

use super::{in_micros, seconds};
use crate::record::Stall;
use crate::stall::{StallTotals, Stalls};

/// The fields of [`Kind::Stall`](super::Kind::Stall).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields of `Stall` by the same names, with units"
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
        Self {
            phase: stall.phase.to_string(),
            id: stall.id,
            runtime: stall.runtime.to_string(),
            worker: stall.worker.to_string(),
            duration_s: in_micros(stall.duration),
            duration_error_s: in_micros(stall.duration_error),
            cause: stall.cause.to_string(),
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
