use super::{Frame, Stack};

/// What a thread is to its runtime, by the functions that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It runs a worker, which is not parked.
    Worker,
    /// It waits for work, or for events.
    Parked,
    /// It has given its worker away, and is in `block_in_place`.
    InPlace,
    /// Something else: a thread for blocking work.
    Other,
    /// The functions have no names, or only those of libc have, as in a stripped program.
    Unnamed,
}

/// Where the loop of a worker stands in Tokio's sources.
const WORKER: Place = Place {
    module: "tokio::runtime::scheduler::multi_thread::worker::",
    file: "runtime/scheduler/multi_thread/worker.rs",
};
/// Where it waits.
const PARK: Place = Place {
    module: "tokio::runtime::scheduler::multi_thread::park::",
    file: "runtime/scheduler/multi_thread/park.rs",
};

/// A module, by its path and, for names without a path, its file.
struct Place {
    module: &'static str,
    file: &'static str,
}

impl Place {
    /// The rest of the name of a function in this module.
    fn function<'a>(&self, frame: &'a Frame) -> Option<&'a str> {
        let name = frame.function.as_deref()?;
        name.trim_start_matches('<')
            .strip_prefix(self.module)
            .or_else(|| {
                let file = frame.file.as_deref()?;
                file.ends_with(self.file).then_some(name)
            })
    }
}

impl Role {
    pub(crate) fn of(stack: &Stack) -> Self {
        if !stack.frames.iter().any(is_named_by_rust) {
            return Self::Unnamed;
        }
        let any = |is: &dyn Fn(&Frame) -> bool| stack.frames.iter().any(is);
        if any(&is_in_place) {
            Self::InPlace
        } else if !any(&|frame| WORKER.function(frame).is_some_and(is_loop)) {
            Self::Other
        } else if any(&|frame| PARK.function(frame).is_some() || is_park(frame)) {
            Self::Parked
        } else {
            Self::Worker
        }
    }
}

/// C knows no paths.
fn is_named_by_rust(frame: &Frame) -> bool {
    let function = frame.function.as_deref();
    function.is_some_and(|function| function.contains("::") || frame.file.is_some())
}

/// `run`, `Context::run` or `Context::run_task`, with or without what closures add.
fn is_loop(function: &str) -> bool {
    let mut parts = function.split("::");
    parts.any(|part| matches!(part.trim_end_matches('>'), "run" | "run_task"))
}

fn is_park(frame: &Frame) -> bool {
    let function = WORKER.function(frame);
    function.is_some_and(|function| {
        let mut parts = function.split("::");
        parts.any(|part| matches!(part, "park" | "park_timeout" | "park_internal"))
    })
}

fn is_in_place(frame: &Frame) -> bool {
    let function = frame.function.as_deref();
    function.is_some_and(|function| {
        let file = frame.file.as_deref().unwrap_or_default();
        let in_tokio = function.starts_with("tokio::")
            || file.ends_with("/task/blocking.rs")
            || file.ends_with(WORKER.file);
        in_tokio && function.split(['<', ':']).any(|part| part == "block_in_place")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(functions: &[&str]) -> Stack {
        let frame = |function: &&str| Frame {
            function: Some((*function).into()),
            file: None,
            line: None,
            inlined: false,
            module: None,
            offset: 0,
            build_id: None,
        };
        Stack {
            frames: functions.iter().map(frame).collect(),
            complete: true,
        }
    }

    const RUN: &str = "tokio::runtime::scheduler::multi_thread::worker::run";

    #[test]
    fn a_worker_is_known_by_its_loop() {
        for run in [RUN, "tokio::runtime::scheduler::multi_thread::worker::Context::run_task"] {
            let seen = stack(&["nanosleep", "app::load", run, "start_thread"]);
            assert_eq!(Role::of(&seen), Role::Worker);
        }
        assert_eq!(Role::of(&stack(&["read", "app::load"])), Role::Other);
    }

    #[test]
    fn whoever_is_parked_or_has_given_its_worker_away_is_none() {
        let park = "tokio::runtime::scheduler::multi_thread::park::Inner::park";
        assert_eq!(Role::of(&stack(&["futex", park, RUN])), Role::Parked);
        let park = "tokio::runtime::scheduler::multi_thread::worker::Context::park_internal";
        assert_eq!(Role::of(&stack(&["futex", park, RUN])), Role::Parked);
        let in_place = "tokio::task::blocking::block_in_place<app::load::{closure#0}, ()>";
        assert_eq!(Role::of(&stack(&["read", in_place, RUN])), Role::InPlace);
        let own = "app::block_in_place";
        assert_eq!(Role::of(&stack(&["read", own, RUN])), Role::Worker);
    }

    #[test]
    fn a_stack_without_names_says_nothing() {
        let mut unnamed = stack(&["a", "b"]);
        for frame in &mut unnamed.frames {
            frame.function = None;
        }
        assert_eq!(Role::of(&unnamed), Role::Unnamed);
        assert_eq!(Role::of(&stack(&["clock_nanosleep"])), Role::Unnamed, "of libc");
    }
}
