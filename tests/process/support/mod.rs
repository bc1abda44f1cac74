//! What the tests share.

mod blocker;
mod monitored;
mod process;
mod program;
mod records;
mod stall_log;
mod suite;

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use blocker::{Blocker, Kind};
pub(crate) use monitored::{Settings, annotated, annotated_main};
pub(crate) use process::{alive_tasks, descriptors, stdin_ends, threads};
pub(crate) use program::{Outcome, Program, program};
pub(crate) use records::{Gate, Told, make_events, read_records};
pub(crate) use stall_log::{StallLog, THRESHOLD, nothing_lasts, only_started};
pub(crate) use suite::{Suite, late, main, skip};

/// Looks until what is seen is as it should be. The deadline is so far away that
/// only a program that hangs meets it.
#[track_caller]
pub(crate) fn wait_until<T: Debug>(
    look: impl FnMut() -> T,
    is_as_expected: impl Fn(&T) -> bool,
) -> T {
    wait_at_most(Duration::from_secs(30), look, is_as_expected)
}

#[track_caller]
fn wait_at_most<T: Debug>(
    deadline: Duration,
    mut look: impl FnMut() -> T,
    is_as_expected: impl Fn(&T) -> bool,
) -> T {
    let begin = Instant::now();
    loop {
        let seen = look();
        if is_as_expected(&seen) {
            return seen;
        }
        assert!(
            begin.elapsed() < deadline,
            "waited for {deadline:?} and still saw {seen:?}"
        );
        thread::sleep(Duration::from_millis(1));
    }
}
