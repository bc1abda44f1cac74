//! A stall as people read it, or as logfmt where a machine reads along.

use std::fmt::Write as _;

use super::text::{human, value};
use crate::record::Stall;
use crate::stall::{Cause, Culprit, Phase, WorkerName};

/// The first line says what happened; the others, indented, what else is known.
pub(super) fn stall(stall: &Stall) -> String {
    let mut text = headline(stall);
    if stall.phase == Phase::Ended {
        return text;
    }
    let culprit = stall.culprit.as_deref();
    if let Some(Culprit { function, .. }) = culprit {
        match culprit.and_then(place) {
            Some(place) => _ = write!(text, "\n  --> {place} in {function}"),
            None => _ = write!(text, "\n  --> {function}"),
        }
    }
    if let Some(reason) = &stall.unnamed {
        _ = write!(text, "\n  unnamed: {reason}");
    }
    let task = culprit.and_then(|culprit| culprit.task.as_ref());
    let around = [task.map(|task| format!("task: {task}")), queued(stall)];
    let around: Vec<_> = around.into_iter().flatten().collect();
    if !around.is_empty() {
        _ = write!(text, "\n  {}", around.join("  ·  "));
    }
    if let Some(lag) = stall.lag {
        let lag = human(lag);
        _ = write!(text, "\n  a ready event has been waiting for {lag}");
    }
    if let Some(advice) = stall.advice() {
        _ = write!(text, "\n  help: {advice}");
    }
    text
}

/// `src/config.rs:37`.
fn place(culprit: &Culprit) -> Option<String> {
    let file = culprit.file.as_deref()?;
    Some(match culprit.line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    })
}

fn queued(stall: &Stall) -> Option<String> {
    let queued = stall.global_queue_depth?;
    let plural = if queued == 1 { "" } else { "s" };
    let (parked, workers) = (stall.parked, stall.workers);
    Some(format!(
        "{queued} task{plural} in the global queue, {parked} of {workers} workers parked"
    ))
}

/// All in one line, without what is of use only as long as it lasts.
pub(super) fn headline(stall: &Stall) -> String {
    let (subject, length) = (subject(stall.worker), human(stall.duration));
    let (lasts, lasted, after) = course(stall.worker, stall.cause);
    let verb = if stall.phase == Phase::Ended {
        lasted
    } else {
        lasts
    };
    let mut line = format!("{subject} {verb} {length}");
    // An error that would show in the digits above.
    if stall.duration_error * 50 > stall.duration {
        _ = write!(line, " (or up to {} less)", human(stall.duration_error));
    }
    line.push_str(after);
    if *stall.runtime != *"main" {
        _ = write!(line, ", runtime `{}`", stall.runtime);
    }
    line.push_str(&doing(stall));
    if stall.drill {
        line.push_str(" [drill]");
    }
    if stall.held_back > 0 {
        _ = write!(line, " [{} more were not told]", stall.held_back);
    }
    line
}

fn subject(worker: WorkerName) -> String {
    match worker {
        WorkerName::Index(index) => format!("worker {index}"),
        WorkerName::Main => "the future of `block_on`".to_owned(),
        WorkerName::Driver => "a worker".to_owned(),
        WorkerName::Shutdown => "the end of the runtime".to_owned(),
    }
}

/// What stands before the length while it lasts, and when it is over; and what behind it.
fn course(worker: WorkerName, cause: Cause) -> (&'static str, &'static str, &'static str) {
    match (worker, cause) {
        (WorkerName::Shutdown, _) => ("has taken", "took", ""),
        (_, Cause::Cpu | Cause::Blocking) => ("has been stuck for", "was stuck for", ""),
        (_, Cause::Driver) => (
            "has been in Tokio's I/O and timer driver for",
            "was in Tokio's I/O and timer driver for",
            "",
        ),
        (_, Cause::Unknown) => (
            "has not returned to the scheduler for",
            "returned to the scheduler after",
            "",
        ),
        (_, Cause::ManyPolls) => (
            "has run many polls for",
            "ran many polls for",
            " without a look at its driver",
        ),
        (_, Cause::Descheduled) => (
            "was ready to run for",
            "was ready to run for",
            ", but got no CPU",
        ),
    }
}

/// What it does, and where. The function has a line of its own while the stall lasts.
fn doing(stall: &Stall) -> String {
    let word = match stall.cause {
        Cause::Cpu => ": computing",
        Cause::Blocking => ": blocking",
        Cause::Unknown => ", last seen",
        Cause::Driver | Cause::ManyPolls | Cause::Descheduled => return String::new(),
    };
    let function = stall.culprit.as_deref().map(|culprit| &*culprit.function);
    let called = stall
        .culprit
        .as_deref()
        .and_then(|culprit| culprit.called.as_deref());
    match (called, function) {
        (Some(called), Some(function)) if stall.phase == Phase::Ended => {
            format!("{word} in {called}, in {function}")
        }
        (Some(place), _) | (None, Some(place)) => format!("{word} in {place}"),
        (None, None) if stall.cause == Cause::Unknown => String::new(),
        (None, None) => word.to_owned(),
    }
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
    line.push_str(&logfmt_culprit(stall));
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

fn logfmt_culprit(stall: &Stall) -> String {
    let mut fields = String::new();
    let mut field = |key: &str, text: Option<&str>| {
        if let Some(text) = text {
            _ = write!(fields, " {key}={}", value(text));
        }
    };
    let culprit = stall.culprit.as_deref();
    let line = culprit
        .and_then(|culprit| culprit.line)
        .map(|line| line.to_string());
    field("function", culprit.map(|culprit| &*culprit.function));
    field("file", culprit.and_then(|culprit| culprit.file.as_deref()));
    field("line", line.as_deref());
    field(
        "called",
        culprit.and_then(|culprit| culprit.called.as_deref()),
    );
    field("task", culprit.and_then(|culprit| culprit.task.as_deref()));
    field("advice", stall.advice());
    field("unnamed", stall.unnamed.as_deref());
    field(
        "truncated",
        culprit.filter(|culprit| culprit.truncated).map(|_| "true"),
    );
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::stall as record;

    #[test]
    fn a_stall_names_the_code_and_says_what_to_do() {
        assert_eq!(
            stall(&record(Cause::Blocking)),
            "worker 1 has been stuck for 104 ms: blocking in std::thread::sleep\n  \
             --> src/config.rs:37 in myapp::config::load\n  \
             task: myapp::startup  ·  7 tasks in the global queue, 3 of 4 workers parked\n  \
             help: use tokio::time::sleep(…).await"
        );
    }

    #[test]
    fn each_cause_has_its_words_and_an_end() {
        for (cause, called, lasts, ended) in [
            (
                Cause::Cpu,
                None,
                "worker 1 has been stuck for 104 ms: computing in myapp::config::load",
                "worker 1 was stuck for 104 ms: computing in myapp::config::load",
            ),
            (
                Cause::Blocking,
                Some("std::thread::sleep"),
                "worker 1 has been stuck for 104 ms: blocking in std::thread::sleep",
                "worker 1 was stuck for 104 ms: blocking in std::thread::sleep, in \
                 myapp::config::load",
            ),
            (
                Cause::Unknown,
                Some("std::thread::sleep"),
                "worker 1 has not returned to the scheduler for 104 ms, last seen in \
                 std::thread::sleep",
                "worker 1 returned to the scheduler after 104 ms, last seen in \
                 std::thread::sleep, in myapp::config::load",
            ),
            (
                Cause::ManyPolls,
                None,
                "worker 1 has run many polls for 104 ms without a look at its driver",
                "worker 1 ran many polls for 104 ms without a look at its driver",
            ),
            (
                Cause::Descheduled,
                None,
                "worker 1 was ready to run for 104 ms, but got no CPU",
                "worker 1 was ready to run for 104 ms, but got no CPU",
            ),
        ] {
            let mut record = record(cause);
            let mut culprit = record.culprit.as_deref().unwrap().clone();
            culprit.called = called.map(Into::into);
            record.culprit = Some(culprit.into());
            assert_eq!(headline(&record), lasts);
            record.phase = Phase::Ended;
            assert_eq!(stall(&record), ended);
        }
    }

    #[test]
    fn without_a_name_the_reason_is_told_and_no_advice() {
        let mut record = record(Cause::Cpu);
        record.culprit = None;
        record.unnamed = Some("build with debug = 1".into());
        assert_eq!(
            stall(&record),
            "worker 1 has been stuck for 104 ms: computing\n  unnamed: build with debug = 1\n  \
             7 tasks in the global queue, 3 of 4 workers parked"
        );
    }

    #[test]
    fn a_machine_reads_the_same_in_one_line() {
        let line = logfmt_stall(&record(Cause::Blocking));
        for field in [
            "cause=blocking function=myapp::config::load file=src/config.rs line=37",
            "called=std::thread::sleep task=myapp::startup advice=\"use tokio",
        ] {
            assert!(line.contains(field), "{line}");
        }
        assert!(!line.contains('\n'));
    }
}
