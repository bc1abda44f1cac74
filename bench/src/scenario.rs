//! The scenarios, one file each.

mod blocked_worker;
mod build_cost;
mod driver_lag;
mod driver_starvation;
mod frozen_tenth;
mod idle_cost;
mod idle_lag;
mod many_polls;
mod many_workers;
mod named_stalls;
mod no_stall;
mod stalled_others;
mod stalled_worker;
mod stopped_process;
mod wake_ups;
mod yield_storm;

use crate::report::Report;

/// How thorough a run is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// As the goals are defined.
    Full,
    /// To see that it works.
    Quick,
}

impl Effort {
    /// One of two numbers.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

type Scenario = (&'static str, fn(Effort) -> Report);
type Program = (&'static str, fn(&[String]));

/// What can be run, by name.
pub(crate) const ALL: [Scenario; 16] = [
    ("idle-lag", idle_lag::run),
    ("blocked-worker", blocked_worker::run),
    ("stalled-worker", stalled_worker::run),
    ("stalled-others", stalled_others::run),
    ("named-stalls", named_stalls::run),
    ("driver-starvation", driver_starvation::run),
    ("driver-lag", driver_lag::run),
    ("no-stall", no_stall::run),
    ("stopped-process", stopped_process::run),
    ("many-polls", many_polls::run),
    ("frozen-tenth", frozen_tenth::run),
    ("idle-cost", idle_cost::run),
    ("wake-ups", wake_ups::run),
    ("many-workers", many_workers::run),
    ("yield-storm", yield_storm::run),
    ("build-cost", build_cost::run),
];

/// The programs that scenarios start as processes of their own.
pub(crate) const CHILDREN: [Program; 6] = [
    ("idle", idle_cost::child),
    ("stopped-process", stopped_process::child),
    ("wake-ups", wake_ups::child),
    ("many-workers", many_workers::child),
    ("named-stalls", named_stalls::child),
    ("yield-storm", yield_storm::child),
];
