//! The stack of a thread that is on a CPU, which only the thread itself can tell.

use std::ops::Range;
use std::time::Duration;

use super::{OnCpu, Refusal};
pub(crate) use crate::sys::{Installed, install};
use crate::sys::{Outcome, Question, ThreadId, is_in_place, is_installed, send};

/// Interrupts `thread` for some microseconds and has it tell where it is. `stack` is where
/// its own stack lies, if that is known: then the copy is quicker and needs no system call.
///
/// Only for threads that have been in Tokio: see [`Question::answer`].
pub(crate) fn ask(
    thread: ThreadId,
    stack: Option<Range<u64>>,
    patience: Duration,
) -> Result<OnCpu, Refusal> {
    if !is_installed() {
        return Err(Refusal::NotInstalled);
    } else if !is_in_place() {
        return Err(Refusal::Replaced);
    }
    let question = Question::put(thread, stack).ok_or(Refusal::Busy)?;
    if let Err(error) = send(thread, question) {
        question.abandon();
        return Err(Refusal::NotSent(error));
    }
    match question.wait(patience) {
        Outcome::Answered(answer) => Ok(answer),
        Outcome::NoAnswer => Err(Refusal::NoAnswer),
        Outcome::Busy => Err(Refusal::Busy),
    }
}
