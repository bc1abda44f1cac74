//! Small safe faces of what std does not offer. `unsafe` stands here and nowhere
//! else, each block with the reason why it is sound.
//!
//! `--cfg loopmon_portable` compiles on any system what others than Unix would run.

#[cfg(all(unix, not(loopmon_portable)))]
mod bell;
#[cfg(all(
    feature = "stacks",
    target_os = "linux",
    target_arch = "x86_64",
    not(loopmon_portable)
))]
mod capture;
#[cfg(all(unix, not(loopmon_portable)))]
mod poll;
#[cfg(all(unix, not(loopmon_portable)))]
mod signals;
#[cfg(all(target_os = "linux", not(loopmon_portable)))]
mod thread_clock;

#[cfg(any(not(unix), loopmon_portable))]
#[path = "no_bell.rs"]
mod bell;
#[cfg(not(all(
    feature = "stacks",
    target_os = "linux",
    target_arch = "x86_64",
    not(loopmon_portable)
)))]
#[path = "no_capture.rs"]
mod capture;
#[cfg(any(not(unix), loopmon_portable))]
#[path = "no_poll.rs"]
mod poll;
#[cfg(any(not(unix), loopmon_portable))]
#[path = "no_signals.rs"]
mod signals;
#[cfg(any(not(target_os = "linux"), loopmon_portable))]
#[path = "no_thread_clock.rs"]
mod thread_clock;

#[cfg(test)]
mod counting_allocator;
mod privileges;

pub(crate) use bell::{Bell, Ear};
#[cfg(all(
    test,
    feature = "stacks",
    target_os = "linux",
    target_arch = "x86_64",
    not(loopmon_portable)
))]
pub(crate) use capture::own_calls;
pub(crate) use capture::own_stack;
#[cfg(all(
    feature = "stacks",
    target_os = "linux",
    target_arch = "x86_64",
    not(loopmon_portable)
))]
pub(crate) use capture::{
    Generation, Installed, Loaded, MappedFile, Outcome, Question, Segment, install, is_in_place,
    is_installed, loaded_objects, read_own, send,
};
#[cfg(test)]
pub(crate) use counting_allocator::allocations;
pub(crate) use poll::stderr_takes_more;
pub(crate) use privileges::runs_with_raised_privileges;
pub(crate) use signals::with_signals_blocked;
pub(crate) use thread_clock::ThreadId;
