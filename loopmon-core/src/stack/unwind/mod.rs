//! From a copied stack to the calls that it stands for.

mod calls;
mod cfi;
mod frame_pointer;
mod registers;

use gimli::{UnwindContext, X86_64};

use self::calls::{Call, call_before, jumps};
use self::cfi::{Step, length, step};
use self::frame_pointer::Need;
use self::registers::Registers;
use super::RawStack;
use super::objects::Objects;

/// Deeper stacks lose their outer end.
const FRAMES: usize = 256;

pub(crate) struct Unwinder {
    /// Memory for the rules of a frame, kept to be used again.
    context: Box<UnwindContext<usize>>,
}

/// The calls that a thread is in, innermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unwound {
    pub(crate) addresses: Vec<Address>,
    /// Whether the function that the thread began with was reached.
    pub(crate) complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) value: u64,
    /// It is where a call returns to, which may be in the next function already.
    pub(crate) is_return: bool,
}

impl Address {
    /// An address inside the instruction that was executing.
    pub(crate) fn of_instruction(self) -> u64 {
        self.value.wrapping_sub(self.is_return.into())
    }
}

/// Calls found from some frame on.
struct Walk {
    addresses: Vec<Address>,
    end: End,
    /// How many of the calls are of a function that does not lead to the one that was entered.
    doubts: usize,
}

enum End {
    Start,
    Lost,
    NeedsFramePointer(Need),
}

impl Unwinder {
    pub(crate) fn new() -> Self {
        Self {
            context: Box::default(),
        }
    }

    pub(crate) fn unwind(&mut self, stack: &RawStack, objects: &Objects) -> Unwound {
        let mut registers = Registers::default()
            .with(X86_64::RA, stack.ip)
            .with(X86_64::RSP, stack.sp);
        registers.set(X86_64::RBP, stack.bp);
        let first = Address {
            value: stack.ip,
            is_return: false,
        };
        let mut walk = self.walk(vec![first], registers, stack, objects);
        if let End::NeedsFramePointer(need) = &walk.end {
            walk = self.guess(need, &walk.addresses, stack, objects);
        }
        Unwound {
            addresses: walk.addresses,
            complete: matches!(walk.end, End::Start),
        }
    }

    /// Adds the callers of the last of `addresses`, whose registers are given.
    fn walk(
        &mut self,
        mut addresses: Vec<Address>,
        mut registers: Registers,
        stack: &RawStack,
        objects: &Objects,
    ) -> Walk {
        let mut doubts = 0;
        let end = loop {
            // An address that is no code is all that is known of it.
            let step = addresses.last().and_then(|address| {
                let object = objects.find(address.of_instruction())?;
                step(&mut self.context, object, *address, &registers, stack)
            });
            let (caller, function) = match step {
                Some(Step::Caller {
                    registers,
                    function,
                }) if addresses.len() < FRAMES => (registers, function),
                Some(Step::Caller { .. }) | None => break End::Lost,
                Some(Step::Start) => break End::Start,
                Some(Step::NeedsFramePointer { distance, function }) => {
                    break End::NeedsFramePointer(Need {
                        registers,
                        distance,
                        function,
                    });
                }
            };
            registers = caller;
            let value = registers.get(X86_64::RA).unwrap_or(0);
            if let (Some(Call::To(target)), Some(function)) = (call_before(value), function)
                && !leads_to(target, function, objects)
            {
                doubts += 1;
            }
            addresses.push(Address {
                value,
                is_return: true,
            });
        };
        Walk {
            addresses,
            end,
            doubts,
        }
    }

    /// Tries what may be the frame pointer. Of the walks that reach the start the least
    /// doubtful is right, of equals the innermost: others leave frames out. If the start is
    /// out of reach, what certainly called the function is still right.
    fn guess(
        &mut self,
        need: &Need,
        inner: &[Address],
        stack: &RawStack,
        objects: &Objects,
    ) -> Walk {
        let mut best = Walk {
            addresses: inner.to_vec(),
            end: End::Lost,
            doubts: usize::MAX,
        };
        for candidate in need.candidates(stack, objects) {
            let registers = need.registers.with(X86_64::RBP, candidate.frame_pointer);
            let walk = self.walk(inner.to_vec(), registers, stack, objects);
            match walk.end {
                End::Start if !walk.starts_as_threads_do(inner.len(), objects) => {}
                End::Start if walk.doubts == 0 => return walk,
                End::Start if walk.doubts < best.doubts => best = walk,
                End::Lost if candidate.is_certain && best.addresses.len() == inner.len() => {
                    best.addresses = walk.addresses;
                }
                _ => {}
            }
        }
        best
    }
}

/// Whether a call of `target` enters `function`: it is that, or a stub of the linker's, or its
/// last act is to jump there (a tail call), which takes its own frame off the stack.
fn leads_to(target: u64, function: u64, objects: &Objects) -> bool {
    /// The linker's stubs have no length of their own.
    const STUB: u64 = 16;
    target == function
        || objects.find(target).is_some_and(|object| {
            let length = length(object, target).unwrap_or(STUB);
            jumps(target, length, function)
        })
}

impl Walk {
    /// Whether it led to the start that the thread really has. One who told a backtrace
    /// has return addresses lying about on its stack, also that of the first function. But
    /// libc begins a thread with a function of its own; and if the first function followed
    /// right after the guess, nothing on the stack would speak for it.
    fn starts_as_threads_do(&self, inner: usize, objects: &Objects) -> bool {
        let Some([second, first]) = self.addresses.get(inner..).and_then(<[_]>::last_chunk) else {
            return false;
        };
        let object = |address: &Address| {
            let object = objects.find(address.of_instruction())?;
            Some(object.identity)
        };
        // The program's own first function calls libc by name.
        matches!(call_before(first.value), Some(Call::To(_))) || object(first) == object(second)
    }
}

impl RawStack {
    /// The eight bytes at an address, if they were copied.
    fn word(&self, address: u64) -> Option<u64> {
        let start = usize::try_from(address.checked_sub(self.sp)?).ok()?;
        let bytes = self.bytes.get(start..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    }

    /// All words from an address on, with their addresses.
    fn words_from(&self, address: u64) -> impl Iterator<Item = (u64, u64)> {
        let last = self.sp.saturating_add(self.bytes.len() as u64);
        (address.max(self.sp)..last)
            .step_by(8)
            .filter_map(|at| Some((at, self.word(at)?)))
    }
}

#[cfg(test)]
mod tests;
