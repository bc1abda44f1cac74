//! The monitor behind `loopmon`. Depend on the crate `loopmon` instead: it
//! re-exports what is public, and this crate makes no promise of its own.
// `unsafe` stands in `sys` only.
#![deny(unsafe_code)]
// The library never panics, and never prints behind the program's back.
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
// What only stacks need is compiled where none can be seen, too, so that there is one
// watchdog for all.
#![cfg_attr(
    not(all(
        feature = "stacks",
        target_os = "linux",
        target_arch = "x86_64",
        not(loopmon_portable)
    )),
    allow(dead_code, unused_imports, reason = "checked where stacks can be seen")
)]

pub mod config;

#[cfg(feature = "monitor")]
mod clock;
#[cfg(feature = "monitor")]
mod error;
#[cfg(feature = "monitor")]
mod histogram;
#[cfg(feature = "monitor")]
mod inside;
#[cfg(feature = "monitor")]
mod jitter;
#[cfg(feature = "monitor")]
pub mod launch;
#[cfg(feature = "monitor")]
mod monitor;
#[cfg(feature = "monitor")]
mod record;
#[cfg(feature = "monitor")]
mod registry;
#[cfg(feature = "monitor")]
mod sink;
#[cfg(feature = "monitor")]
mod snapshot;
#[cfg(feature = "monitor")]
mod stack;
#[cfg(feature = "monitor")]
mod stall;
#[cfg(feature = "monitor")]
mod sync;
#[cfg(feature = "monitor")]
#[allow(unsafe_code, reason = "the one place for it")]
mod sys;
#[cfg(feature = "monitor")]
mod watchdog;

#[cfg(feature = "jsonl")]
pub use record::json;
#[cfg(feature = "monitor")]
pub use {
    clock::Timestamp,
    error::StartError,
    histogram::Distribution,
    monitor::{Monitor, MonitorBuilder, current},
    record::{Dropped, End, Event, Sample, Stall, Start},
    sink::{Sink, SinkError},
    snapshot::{Lag, Probe, Snapshot, Worker},
    stall::{Cause, Culprit, Hotspot, Phase, StallTotals, Stalls, WorkerName},
};
