use gimli::{Register, X86_64};

/// What a function leaves as it found it, beside the stack pointer.
pub(super) const PRESERVED: [Register; 6] = [
    X86_64::RBX,
    X86_64::RBP,
    X86_64::R12,
    X86_64::R13,
    X86_64::R14,
    X86_64::R15,
];

/// The registers of one frame, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Registers {
    values: [u64; X86_64::RA.0 as usize + 1],
    /// One bit for each register.
    known: u32,
}

impl Registers {
    pub(super) fn get(&self, register: Register) -> Option<u64> {
        let value = self.values.get(usize::from(register.0))?;
        (self.known & bit(register) != 0).then_some(*value)
    }

    pub(super) fn set(&mut self, register: Register, value: Option<u64>) {
        let Some(place) = self.values.get_mut(usize::from(register.0)) else {
            return;
        };
        self.known &= !bit(register);
        if let Some(value) = value {
            *place = value;
            self.known |= bit(register);
        }
    }

    pub(super) fn with(mut self, register: Register, value: u64) -> Self {
        self.set(register, Some(value));
        self
    }
}

/// Of one of the registers that are kept; the number of any other is too high.
fn bit(register: Register) -> u32 {
    1_u32.checked_shl(register.0.into()).unwrap_or(0)
}
