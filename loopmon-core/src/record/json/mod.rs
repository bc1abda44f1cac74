//! Records as JSON: one object a line, written by the sink `jsonl` and read back
//! by [`Line::read`].
//!
//! Times are in seconds; the names of fields end in `_s` where they are. `time` is
//! the time of day in RFC 3339, `monotonic_s` never jumps. Fields that do not apply
//! are left out. Later versions may add fields and kinds of events; [`SCHEMA`] grows
//! when the meaning of one changes.

mod stall;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::stall::{HotspotFields, StallLine, StallTotalsFields, StallsFields};
use super::{Dropped, End, Event, Sample, Start};
use crate::clock::Timestamp;
use crate::snapshot::Snapshot;

/// The version of the schema, in every start record.
pub const SCHEMA: u32 = 1;

/// One line.
///
/// # Examples
///
/// ```
/// use loopmon_core::json::{Kind, Line};
///
/// let line = Line::read(
///     r#"{"time":"2026-11-22T10:00:00.000Z","monotonic_s":1.0,"event":"sample",
///         "runtime":"main","window_s":1.0,"probe":"io",
///         "lag":{"count":4,"p50_s":0.000031,"p99_s":0.00012,"max_s":0.00012,"last_s":0.00003},
///         "active_tasks":12,"workers":[],"host_lag_max_s":0.0001}"#,
/// )?;
/// let Kind::Sample(sample) = line.kind else { panic!() };
/// assert_eq!(sample.active_tasks, Some(12));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Line {
    /// The time of day, in RFC 3339.
    pub time: String,
    /// Seconds since the process first monitored a runtime.
    pub monotonic_s: f64,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

impl Line {
    /// Reads one line.
    ///
    /// # Errors
    ///
    /// It is no JSON, or not of this schema.
    pub fn read(line: &str) -> Result<Self, ReadError> {
        serde_json::from_str(line).map_err(ReadError)
    }
}

/// Why a line could not be read.
#[derive(Debug)]
pub struct ReadError(serde_json::Error);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a line of loopmon's schema {SCHEMA}: {}", self.0)
    }
}

impl Error for ReadError {}

/// What happened: the field `event`, and the fields that go with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// A runtime is monitored from now on.
    Start(StartLine),
    /// The numbers since the previous sample.
    Sample(SampleLine),
    /// A worker stays away from the scheduler, or is back.
    Stall(StallLine),
    /// A runtime is no longer monitored.
    End(EndLine),
}

/// The fields of [`Kind::Start`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields of `Start` by the same names, with units"
)]
pub struct StartLine {
    pub schema: u32,
    pub loopmon: String,
    pub pid: u32,
    pub runtime: String,
    pub flavor: String,
    pub workers: usize,
    pub interval_s: f64,
    pub stall_threshold_s: f64,
    pub backtrace: String,
    pub probe: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmeasured: Option<String>,
    pub hooks: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unjudged: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_stacks: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<String>,
}

/// The fields of [`Kind::Sample`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields of `Snapshot` by the same names, with units"
)]
pub struct SampleLine {
    pub runtime: String,
    pub window_s: f64,
    pub probe: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmeasured: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<LagFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_tasks: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_queue_depth: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    pub workers: Vec<WorkerFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<StallsFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_lag_max_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<DroppedFields>,
}

/// The fields of [`Kind::End`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields of `End` by the same names, with units"
)]
pub struct EndLine {
    pub runtime: String,
    pub window_s: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<LagFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<StallsFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_lag_max_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<DroppedFields>,
}

/// Lag in a window. `count` is 0, and the rest missing, if no ping was answered or
/// waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "what each is, its name says")]
pub struct LagFields {
    pub count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_s: Option<f64>,
    /// How long a ping has been waiting: the loop is stuck at this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_s: Option<f64>,
}

/// One worker in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerFields {
    /// Its index, as a string: later kinds of workers have names.
    pub worker: String,
    /// The time in which it was not parked.
    pub busy_s: f64,
}

/// Something that loopmon has lost since the start of the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields of `Dropped` by the same names")]
pub struct DroppedFields {
    pub what: String,
    pub from: String,
    pub count: u64,
}

impl From<&Event<'_>> for Line {
    fn from(event: &Event<'_>) -> Self {
        match event {
            Event::Start(start) => Self::at(start.at, Kind::Start(StartLine::from(*start))),
            Event::Sample(sample) => Self::at(sample.at, Kind::Sample(SampleLine::from(*sample))),
            Event::Stall(stall) => Self::at(stall.at, Kind::Stall(StallLine::from(*stall))),
            Event::End(end) => Self::at(end.at, Kind::End(EndLine::from(*end))),
        }
    }
}

impl Line {
    fn at(at: Timestamp, kind: Kind) -> Self {
        let time = humantime::format_rfc3339_millis(at.wall).to_string();
        Self {
            time,
            monotonic_s: at.monotonic.as_secs_f64(),
            kind,
        }
    }
}

impl From<&Start> for StartLine {
    fn from(start: &Start) -> Self {
        Self {
            schema: SCHEMA,
            loopmon: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            runtime: start.runtime.to_string(),
            flavor: start.flavor.to_owned(),
            workers: start.workers,
            interval_s: start.interval.as_secs_f64(),
            stall_threshold_s: start.stall_threshold.as_secs_f64(),
            backtrace: start.backtrace.as_str().to_owned(),
            probe: start.probe.to_string(),
            unmeasured: start.unmeasured.as_deref().map(str::to_owned),
            hooks: start.hooks,
            unjudged: start.unjudged.as_deref().map(str::to_owned),
            no_stacks: start.no_stacks.as_deref().map(str::to_owned),
            symbols: start.symbols.map(str::to_owned),
        }
    }
}

impl From<&Sample> for SampleLine {
    fn from(sample: &Sample) -> Self {
        let window = &sample.window;
        Self {
            runtime: window.runtime.to_string(),
            window_s: window.window.as_secs_f64(),
            probe: window.probe.to_string(),
            unmeasured: window.unmeasured.as_deref().map(str::to_owned),
            lag: LagFields::of(window),
            active_tasks: window.active_tasks,
            global_queue_depth: window.global_queue_depth,
            threads: window.threads,
            workers: window
                .workers
                .iter()
                .map(|worker| WorkerFields {
                    worker: worker.index.to_string(),
                    busy_s: worker.busy.as_secs_f64(),
                })
                .collect(),
            stalls: StallsFields::of(&window.stalls),
            host_lag_max_s: seconds(window.host_lag.max()),
            dropped: sample.dropped.iter().map(DroppedFields::from).collect(),
        }
    }
}

impl From<&End> for EndLine {
    fn from(end: &End) -> Self {
        Self {
            runtime: end.total.runtime.to_string(),
            window_s: end.total.window.as_secs_f64(),
            lag: LagFields::of(&end.total),
            stalls: StallsFields::of(&end.total.stalls),
            host_lag_max_s: seconds(end.total.host_lag.max()),
            dropped: end.dropped.iter().map(DroppedFields::from).collect(),
        }
    }
}

impl LagFields {
    /// `None` if lag was not measured: unmeasured is not zero.
    fn of(snapshot: &Snapshot) -> Option<Self> {
        if snapshot.unmeasured.is_some() {
            return None;
        }
        let lag = snapshot.lag.distribution();
        Some(Self {
            count: lag.count(),
            p50_s: seconds(lag.quantile(0.5)),
            p99_s: seconds(lag.quantile(0.99)),
            max_s: seconds(lag.max()),
            last_s: seconds(snapshot.lag.last()),
            waiting_s: seconds(snapshot.lag.waiting()),
        })
    }
}

impl From<&Dropped> for DroppedFields {
    fn from(dropped: &Dropped) -> Self {
        let Dropped { what, from, count } = dropped;
        Self {
            what: (*what).to_owned(),
            from: from.to_string(),
            count: *count,
        }
    }
}

fn seconds(duration: Option<Duration>) -> Option<f64> {
    duration.map(in_micros)
}

/// In microseconds' resolution: more digits would pretend to know more.
fn in_micros(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}
