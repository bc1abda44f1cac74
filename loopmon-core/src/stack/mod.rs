//! What code a thread is in, seen from outside while it is there.

mod look;
mod question;

macro_rules! where_stacks_can_be_seen {
    ($($item:item)*) => {$(
        #[cfg(all(
            feature = "stacks",
            target_os = "linux",
            target_arch = "x86_64",
            not(loopmon_portable)
        ))]
        $item
    )*};
}

where_stacks_can_be_seen! {
    mod alike;
    pub(crate) mod asleep;
    mod build_id;
    mod cache;
    mod detail;
    mod dwarf;
    mod elf;
    mod explain;
    mod image;
    mod objects;
    pub(crate) mod on_cpu;
    mod role;
    mod sight;
    mod stacks;
    mod symbols;
    mod unwind;
}

#[cfg(not(all(
    feature = "stacks",
    target_os = "linux",
    target_arch = "x86_64",
    not(loopmon_portable)
)))]
#[path = "no_stacks.rs"]
mod stacks;

use std::sync::Arc;

pub(crate) use look::{Candidate, Claim, Look, Whom};
pub(crate) use question::{Answer, Explanation, Next, Question};
pub(crate) use stacks::Stacks;

where_stacks_can_be_seen! {
    pub(crate) use sight::{OnCpu, Refusal, Sight, Sleep, Why};
    use {objects::Objects, role::Role, symbols::Symbols, unwind::Unwinder};
}

/// The registers and the stack of a thread at one instant.
#[derive(Clone, Debug)]
pub(crate) struct RawStack {
    pub(crate) ip: u64,
    pub(crate) sp: u64,
    /// The frame pointer; unknown where only the kernel was asked.
    pub(crate) bp: Option<u64>,
    /// What lies at `sp` and above it. Where the end of the stack was not known, what lies
    /// above that too.
    pub(crate) bytes: Vec<u8>,
}

where_stacks_can_be_seen! {
    impl RawStack {
        /// Forgets what lies at `top` and above it.
        fn end_at(&mut self, top: u64) {
            if let Some(length) = top.checked_sub(self.sp) {
                self.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            }
        }
    }
}

/// One function that a thread was in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its path as the symbol has it, demangled and in full; `None` without a symbol.
    pub(crate) function: Option<Arc<str>>,
    pub(crate) file: Option<Arc<str>>,
    pub(crate) line: Option<u32>,
    /// It stands inside the machine code of the next frame.
    pub(crate) inlined: bool,
    /// File name of the object that the code belongs to, and where in it.
    pub(crate) module: Option<Arc<str>>,
    pub(crate) offset: u64,
    /// Which build of the object it is, if it says so.
    pub(crate) build_id: Option<Arc<str>>,
}

/// The functions that a thread was in, innermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stack {
    pub(crate) frames: Vec<Frame>,
    /// Whether the thread's first function was reached.
    pub(crate) complete: bool,
}
