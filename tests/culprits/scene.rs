//! What a blocker and the test that watches it share.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use loopmon::{Culprit, Phase, Stall};

use crate::support::{StallLog, THRESHOLD};

/// Longer than a stall has to be.
pub(crate) const LONG: Duration = THRESHOLD.saturating_mul(2);

/// The line that blocks, by the blocker's own account.
static LINE: AtomicU32 = AtomicU32::new(0);
/// The stall has been told, or the test has ended.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Called by a blocker right before the line that blocks.
pub(crate) fn blocks_at(line: u32) {
    LINE.store(line, Ordering::Release);
}

/// Called by a blocker after what blocks, if nothing else is left to do: a call that is the
/// last of a function may take the place of its frame, and then the caller is named.
#[inline]
pub(crate) fn returns() {
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    LINE.fetch_or(0, Ordering::Relaxed);
}

pub(crate) fn line() -> u32 {
    LINE.load(Ordering::Acquire)
}

pub(crate) fn is_told() -> bool {
    TOLD.load(Ordering::Acquire)
}

/// The same without a function of the program.
pub(crate) fn told() -> &'static AtomicBool {
    &TOLD
}

pub(crate) fn set_told(told: bool) {
    TOLD.store(told, Ordering::Release);
}

/// Does something on another thread as soon as the stall has been told.
pub(crate) fn when_told(act: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        while !is_told() {
            thread::sleep(Duration::from_millis(1));
        }
        act();
    });
}

/// The next stall that is told, and the code that it names.
#[track_caller]
pub(crate) fn next_named(log: &StallLog, before: usize) -> (Stall, Culprit) {
    let started = log.wait_for(Phase::Started, before + 1);
    let stall = started[before].clone();
    let culprit = stall.culprit.as_deref().cloned();
    let culprit = culprit.unwrap_or_else(|| panic!("nobody is named in {}", brief(&stall)));
    (stall, culprit)
}

/// What matters of a stall when a test fails.
pub(crate) fn brief(stall: &Stall) -> String {
    let mut text = format!(
        "stall {} of {}, {} for {:?}: {:?}",
        stall.id, stall.worker, stall.cause, stall.duration, stall.unnamed
    );
    if let Some(culprit) = &stall.culprit {
        let Culprit {
            function,
            file,
            line,
            called,
            task,
            advice,
            ..
        } = &**culprit;
        _ = write!(
            text,
            "\n{function} {file:?}:{line:?} called {called:?} in {task:?}: {advice:?}"
        );
        for frame in &*culprit.stack {
            text += "\n    ";
            text += frame;
        }
    }
    text
}
