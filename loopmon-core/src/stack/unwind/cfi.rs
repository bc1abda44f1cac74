//! One step from a frame to its caller, by the tables that compilers write for exceptions.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, Encoding, EndianSlice, EvaluationResult,
    LittleEndian, Pointer, Register, RegisterRule, UnwindContext, UnwindExpression, UnwindSection,
    UnwindTableRow, Value, X86_64,
};

use super::Address;
use super::calls::call_before;
use super::registers::{PRESERVED, Registers};
use crate::stack::RawStack;
use crate::stack::image::Image;
use crate::stack::objects::Object;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

pub(super) enum Step {
    Caller {
        /// Of the caller; the return address stands in [`X86_64::RA`].
        registers: Registers,
        /// Where the function that it called begins, if that is known.
        function: Option<u64>,
    },
    /// There is no caller: it is the function that the thread began with.
    Start,
    /// The frame lies at a distance from the frame pointer, which is unknown.
    NeedsFramePointer {
        /// From the frame pointer to the end of the frame.
        distance: i64,
        /// Where the function begins.
        function: u64,
    },
}

/// The step from the frame whose code is at `address`; `None` if there is no telling.
pub(super) fn step(
    context: &mut UnwindContext<usize>,
    object: &Object,
    address: Address,
    registers: &Registers,
    stack: &RawStack,
) -> Option<Step> {
    let (table, bases, index) = tables(object.image()?)?;
    let stated = object.stated(address.of_instruction());
    let entry = index
        .table()?
        .fde_for_address(&table, &bases, stated, EhFrame::cie_from_offset);
    let Some(entry) = entry.ok() else {
        return without_table(address, registers, stack);
    };
    if entry.is_signal_trampoline() {
        // What was interrupted is another frame with all its registers, none of which says
        // who waits for whom.
        return None;
    }
    let frame = Frame {
        table,
        encoding: entry.cie().encoding(),
        registers,
        stack,
    };
    let function = object.actual(entry.initial_address());
    let row = entry.unwind_info_for_address(&table, &bases, context, stated);
    let row = row.ok()?;
    if let &CfaRule::RegisterAndOffset {
        register: X86_64::RBP,
        offset,
    } = row.cfa()
        && registers.get(X86_64::RBP).is_none()
    {
        return Some(Step::NeedsFramePointer {
            distance: offset,
            function,
        });
    }
    frame.caller(row, function)
}

/// How long the function is that begins at `start`.
pub(super) fn length(object: &Object, start: u64) -> Option<u64> {
    let (table, bases, index) = tables(object.image()?)?;
    let stated = object.stated(start);
    let entry = index
        .table()?
        .fde_for_address(&table, &bases, stated, EhFrame::cie_from_offset)
        .ok()?;
    (entry.initial_address() == stated).then(|| entry.len())
}

/// The step from code that was written by hand, of which no table tells.
fn without_table(address: Address, registers: &Registers, stack: &RawStack) -> Option<Step> {
    if address.is_return {
        // The first function of a thread in musl. By the ABI, a frame pointer of zero marks
        // the outermost frame.
        return (registers.get(X86_64::RBP) == Some(0)).then_some(Step::Start);
    }
    // As a thread of glibc that waits for its `vfork`: what called it is on top of the stack.
    let top = registers.get(X86_64::RSP)?;
    let caller = stack.word(top)?;
    call_before(caller)?;
    let registers = registers.with(X86_64::RA, caller);
    Some(Step::Caller {
        registers: registers.with(X86_64::RSP, top.checked_add(8)?),
        function: None,
    })
}

type Index<'a> = gimli::ParsedEhFrameHdr<Slice<'a>>;

/// The tables, where they are, and the index to them by address.
fn tables(image: &Image) -> Option<(EhFrame<Slice<'_>>, BaseAddresses, Index<'_>)> {
    let at = image.unwind_index()?;
    let bases = BaseAddresses::default().set_eh_frame_hdr(at);
    let index = EhFrameHdr::new(image.at(at)?, LittleEndian)
        .parse(&bases, 8)
        .ok()?;
    let Pointer::Direct(start) = index.eh_frame_ptr() else {
        return None;
    };
    let table = EhFrame::new(image.at(start)?, LittleEndian);
    Some((table, bases.set_eh_frame(start), index))
}

struct Frame<'a> {
    table: EhFrame<Slice<'a>>,
    encoding: Encoding,
    registers: &'a Registers,
    stack: &'a RawStack,
}

impl Frame<'_> {
    fn caller(&self, row: &UnwindTableRow<usize>, function: u64) -> Option<Step> {
        let Some(rule) = row.register(X86_64::RA) else {
            return Some(Step::Start);
        };
        if rule == RegisterRule::Undefined {
            return Some(Step::Start);
        }
        let end = match row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                self.registers.get(*register)?.checked_add_signed(*offset)?
            }
            CfaRule::Expression(expression) => self.evaluate(expression, None)?,
        };
        // A caller's frame is further up, by the return address at least.
        if end <= self.registers.get(X86_64::RSP)? {
            return None;
        }
        let mut caller = Registers::default()
            .with(X86_64::RSP, end)
            .with(X86_64::RA, self.recover(X86_64::RA, &rule, end)?);
        for register in PRESERVED {
            let rule = row.register(register).unwrap_or(RegisterRule::SameValue);
            caller.set(register, self.recover(register, &rule, end));
        }
        Some(Step::Caller {
            registers: caller,
            function: Some(function),
        })
    }

    /// What the caller had in `register`, by the frame that ends at `end`.
    fn recover(&self, register: Register, rule: &RegisterRule<usize>, end: u64) -> Option<u64> {
        match *rule {
            RegisterRule::SameValue => self.registers.get(register),
            RegisterRule::Offset(offset) => {
                let at = end.checked_add_signed(offset)?;
                if at < self.registers.get(X86_64::RSP)? {
                    // At the end of a function: it has been restored, and compilers do not
                    // trouble to say so.
                    return self.registers.get(register);
                }
                self.stack.word(at)
            }
            RegisterRule::ValOffset(offset) => end.checked_add_signed(offset),
            RegisterRule::Register(other) => self.registers.get(other),
            RegisterRule::Expression(ref expression) => {
                self.stack.word(self.evaluate(expression, Some(end))?)
            }
            RegisterRule::ValExpression(ref expression) => self.evaluate(expression, Some(end)),
            _ => None,
        }
    }

    fn evaluate(&self, expression: &UnwindExpression<usize>, initial: Option<u64>) -> Option<u64> {
        // More than any compiler writes, so that none runs in circles.
        const STEPS: u32 = 256;
        let mut evaluation = expression.get(&self.table).ok()?.evaluation(self.encoding);
        evaluation.set_max_iterations(STEPS);
        if let Some(initial) = initial {
            evaluation.set_initial_value(initial);
        }
        let mut state = evaluation.evaluate().ok()?;
        loop {
            state = match state {
                EvaluationResult::Complete => {
                    return evaluation.value_result()?.to_u64(u64::MAX).ok();
                }
                EvaluationResult::RequiresRegister { register, .. } => {
                    let value = Value::Generic(self.registers.get(register)?);
                    evaluation.resume_with_register(value).ok()?
                }
                EvaluationResult::RequiresMemory {
                    address, size: 8, ..
                } => {
                    let value = Value::Generic(self.stack.word(address)?);
                    evaluation.resume_with_memory(value).ok()?
                }
                _ => return None,
            };
        }
    }
}
