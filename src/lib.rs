#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use loopmon_core::config::{Backtrace, Invalid};
#[cfg(feature = "jsonl")]
pub use loopmon_core::json;
pub use loopmon_core::{
    Cause, Culprit, Distribution, Dropped, End, Event, Hotspot, Lag, Monitor, MonitorBuilder,
    Phase, Probe, Sample, Sink, SinkError, Snapshot, Stall, StallTotals, Stalls, Start, StartError,
    Timestamp, Worker, WorkerName, current,
};
pub use loopmon_macros::main;

#[doc(hidden)]
pub mod __private;
