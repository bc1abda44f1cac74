//! What the frame pointer may be, where only the kernel was asked and does not tell.

use gimli::X86_64;

use super::calls::{Call, call_before};
use super::leads_to;
use super::registers::Registers;
use crate::stack::RawStack;
use crate::stack::objects::Objects;

/// How many places are tried. A frame that holds three copies of a backtrace of 30 calls
/// has 90 wrong ones; most lead nowhere after a step or two.
const CANDIDATES: usize = 128;

/// A frame that only the frame pointer leads on from.
pub(super) struct Need {
    pub(super) registers: Registers,
    /// From the frame pointer to the end of the frame.
    pub(super) distance: i64,
    /// Where the function begins.
    pub(super) function: u64,
}

/// What speaks for a return address, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    /// It belongs to a call of this very function, or to one whose target is unknown.
    Fits,
    /// It belongs to a call of another function: left over from earlier, or a stub's.
    Doubtful,
}

pub(super) struct Candidate {
    pub(super) frame_pointer: u64,
    /// The call before the return address is of this very function.
    pub(super) is_certain: bool,
}

impl Need {
    /// The frame ends above a return address, so each of those on the stack stands for one
    /// candidate. What fits comes first, of equals the innermost.
    pub(super) fn candidates(&self, stack: &RawStack, objects: &Objects) -> Vec<Candidate> {
        let innermost = self.registers.get(X86_64::RSP).unwrap_or(stack.sp);
        let mut candidates: Vec<(Evidence, Candidate)> = stack
            .words_from(innermost)
            .filter(|(_, word)| objects.find(word.wrapping_sub(1)).is_some())
            .filter_map(|(at, word)| {
                let call = call_before(word)?;
                let is_certain = match call {
                    Call::To(target) => leads_to(target, self.function, objects),
                    Call::Indirect => false,
                };
                let evidence = if is_certain || call == Call::Indirect {
                    Evidence::Fits
                } else {
                    Evidence::Doubtful
                };
                let end = at.checked_add(8)?;
                let candidate = Candidate {
                    frame_pointer: end.checked_add_signed(self.distance.checked_neg()?)?,
                    is_certain,
                };
                Some((evidence, candidate))
            })
            .collect();
        candidates.sort_by_key(|(evidence, _)| *evidence);
        candidates.truncate(CANDIDATES);
        candidates
            .into_iter()
            .map(|(_, candidate)| candidate)
            .collect()
    }
}
