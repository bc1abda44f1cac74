//! A stall as people read it, or as logfmt where a machine reads along.

use std::fmt::Write as _;

use super::text::{human, value};
use crate::record::Stall;
use crate::stall::{Cause, Phase, WorkerName};

/// The first line says what happened; the others, indented, what else is known.
pub(super) fn stall(stall: &Stall) -> String {
    let mut text = headline(stall);
    if stall.phase == Phase::Ended {
        return text;
    }
    if let Some(queued) = stall.global_queue_depth {
        let plural = if queued == 1 { "" } else { "s" };
        _ = write!(text, "\n  {queued} task{plural} in the global queue");
        _ = write!(
            text,
            ", {} of {} workers parked",
            stall.parked, stall.workers
        );
    }
    if let Some(lag) = stall.lag {
        _ = write!(
            text,
            "\n  a ready event has been waiting for {}",
            human(lag)
        );
    }
    text
}

/// All in one line, without what is of use only as long as it lasts.
pub(super) fn headline(stall: &Stall) -> String {
    let length = human(stall.duration);
    let subject = match stall.worker {
        WorkerName::Index(index) => format!("worker {index}"),
        WorkerName::Main => "the future of `block_on`".to_owned(),
        WorkerName::Driver => "a worker".to_owned(),
        WorkerName::Shutdown => "the end of the runtime".to_owned(),
    };
    let (lasts, ended) = match (stall.worker, stall.cause) {
        (WorkerName::Shutdown, _) => ("has taken", "took"),
        (_, Cause::Driver) => (
            "has been in Tokio's I/O and timer driver for",
            "was in Tokio's I/O and timer driver for",
        ),
        (_, Cause::Unknown) => (
            "has not returned to the scheduler for",
            "returned to the scheduler after",
        ),
    };
    let mut line = match stall.phase {
        Phase::Ended => format!("{subject} {ended} {length}"),
        Phase::Started | Phase::Ongoing => format!("{subject} {lasts} {length}"),
    };
    // An error that would show in the digits above.
    if stall.duration_error * 50 > stall.duration {
        _ = write!(line, " (or up to {} less)", human(stall.duration_error));
    }
    if *stall.runtime != *"main" {
        _ = write!(line, ", runtime `{}`", stall.runtime);
    }
    if stall.drill {
        line.push_str(" [drill]");
    }
    if stall.held_back > 0 {
        _ = write!(line, " [{} more were not told]", stall.held_back);
    }
    line
}

/// The same for a machine. Times are in seconds.
pub(super) fn logfmt_stall(stall: &Stall) -> String {
    let mut line = format!(
        "event=stall phase={} id={} runtime={} worker={} duration_s={:.6} duration_error_s={:.6} \
         cause={}",
        stall.phase,
        stall.id,
        value(&stall.runtime),
        stall.worker,
        stall.duration.as_secs_f64(),
        stall.duration_error.as_secs_f64(),
        stall.cause,
    );
    if let Some(lag) = stall.lag {
        _ = write!(line, " lag_s={:.6}", lag.as_secs_f64());
    }
    if let Some(queued) = stall.global_queue_depth {
        _ = write!(line, " global_queue_depth={queued}");
    }
    _ = write!(line, " parked={} workers={}", stall.parked, stall.workers);
    if stall.drill {
        line.push_str(" drill=true");
    }
    if stall.held_back > 0 {
        _ = write!(line, " held_back={}", stall.held_back);
    }
    line
}
