//! Whether a number on the stack can be a return address: a call stands before it.

use crate::sys::read_own;

/// The longest call instruction: opcode, two bytes of addressing, a displacement of four.
const LONGEST: usize = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// To this address, as far as can be told: there may be a stub in between.
    To(u64),
    /// Through a register or memory that has changed since.
    Indirect,
}

/// The call that returns to `address`.
pub(super) fn call_before(address: u64) -> Option<Call> {
    let mut code = [0; LONGEST];
    let start = address.checked_sub(LONGEST as u64)?;
    if read_own(start, &mut code) < LONGEST {
        return None;
    }
    let target =
        |distance: [u8; 4]| address.wrapping_add_signed(i64::from(i32::from_le_bytes(distance)));
    match code {
        [_, _, 0xe8, a, b, c, d] => Some(Call::To(target([a, b, c, d]))),
        // Through a slot that the dynamic linker has filled, and which stays as it is.
        [_, 0xff, 0x15, a, b, c, d] => Some(slot(target([a, b, c, d]))),
        code if ends_in_indirect_call(code) => Some(Call::Indirect),
        _ => None,
    }
}

/// Whether the code from `start` on jumps to `target`, directly or through a slot of the
/// dynamic linker's.
pub(super) fn jumps(start: u64, length: u64, target: u64) -> bool {
    /// A function that only passes on what it was called with is not long.
    const MOST: u64 = 4096;
    let mut code = vec![0; usize::try_from(length.min(MOST)).unwrap_or(0)];
    let count = read_own(start, &mut code);
    let ends = (start..).skip(5);
    let jumps = code.get(..count).unwrap_or_default().windows(5).zip(ends);
    let mut jumps = jumps.filter_map(|(code, end)| {
        let &[operation, a, b, c, d] = code else {
            return None;
        };
        let place = end.wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d])));
        match operation {
            // The second byte of a conditional jump is one from `80` to `8f`,
            0xe9 | 0x80..=0x8f => Some(Call::To(place)),
            // and of one through a slot, `25`.
            0x25 => Some(slot(place)),
            _ => None,
        }
    });
    jumps.any(|jump| jump == Call::To(target))
}

fn slot(address: u64) -> Call {
    let mut target = [0; 8];
    if read_own(address, &mut target) == target.len() {
        Call::To(u64::from_le_bytes(target))
    } else {
        Call::Indirect
    }
}

fn ends_in_indirect_call(code: [u8; LONGEST]) -> bool {
    (2..=LONGEST).any(|length| match code.get(LONGEST - length..) {
        Some(&[0xff, addressing, ref rest @ ..]) => {
            is_call(addressing) && length == length_of(addressing, rest.first().copied())
        }
        _ => false,
    })
}

/// `ff` is also an increment, a jump and a push; the middle three bits tell.
fn is_call(addressing: u8) -> bool {
    addressing >> 3 & 0b111 == 2
}

/// How long a call through `addressing` is: by Intel's tables of the bytes `ModR/M` and
/// `SIB`.
fn length_of(addressing: u8, scaled: Option<u8>) -> usize {
    let (mode, register) = (addressing >> 6, addressing & 0b111);
    let scale = usize::from(mode != 3 && register == 4);
    let displacement = match mode {
        0 if register == 5 => 4,
        0 if scale == 1 && scaled.is_some_and(|byte| byte & 0b111 == 5) => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    2 + scale + displacement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_to_a_function_is_found_directly_and_through_a_slot() {
        let slot = 0x1234_5678_u64;
        let code: [u8; 16] = [
            0x90, 0xe9, 0x10, 0, 0, 0, // to 0x10 after its end
            0xff, 0x25, 0, 0, 0, 0, // through a slot that is patched in below
            0x90, 0x90, 0x90, 0x90,
        ];
        let mut memory = [0_u8; 32];
        memory[..16].copy_from_slice(&code);
        let start = memory.as_ptr() as u64;
        memory[8..12].copy_from_slice(&(16 + 8 - 12_i32).to_le_bytes());
        memory[24..32].copy_from_slice(&slot.to_le_bytes());
        assert!(jumps(start, 16, start + 6 + 0x10));
        assert!(jumps(start, 16, slot));
        assert!(!jumps(start, 16, start + 6));
        assert!(!jumps(start, 3, start + 6 + 0x10), "beyond its end");
    }

    /// What stands before the end of `code`.
    fn before(code: &[u8]) -> Option<Call> {
        let mut memory = vec![0x90; LONGEST];
        memory.extend(code);
        call_before(memory.as_ptr_range().end as u64)
    }

    #[test]
    fn calls_are_told_from_other_instructions() {
        for call in [
            &[0xff, 0xd0][..],                           // call rax
            &[0x41, 0xff, 0xd4],                         // call r12
            &[0xff, 0x10],                               // call [rax]
            &[0xff, 0x50, 0x18],                         // call [rax + 0x18]
            &[0xff, 0x54, 0x24, 0x08],                   // call [rsp + 8]
            &[0xff, 0x90, 0x00, 0x01, 0x00, 0x00],       // call [rax + 0x100]
            &[0xff, 0x94, 0x24, 0x00, 0x01, 0x00, 0x00], // call [rsp + 0x100]
            &[0xff, 0x14, 0xc5, 0x00, 0x01, 0x00, 0x00], // call [rax * 8 + 0x100]
        ] {
            assert_eq!(before(call), Some(Call::Indirect), "{call:x?}");
        }
        for other in [
            &[0xff, 0xe0][..],               // jmp rax
            &[0xff, 0xc0],                   // inc eax
            &[0xff, 0x70, 0x18],             // push [rax + 0x18]
            &[0x90],                         // nop
            &[0xe9, 0x00, 0x00, 0x00, 0x00], // jmp
        ] {
            assert_eq!(before(other), None, "{other:x?}");
        }
        assert_eq!(call_before(0), None);
        assert_eq!(call_before(LONGEST as u64), None, "nothing is mapped there");
    }

    #[test]
    fn the_target_of_a_direct_call_is_known() {
        let mut code = vec![0x90, 0x90, 0xe8];
        code.extend((-16_i32).to_le_bytes());
        let end = code.as_ptr_range().end as u64;
        assert_eq!(call_before(end), Some(Call::To(end - 16)));
    }
}
