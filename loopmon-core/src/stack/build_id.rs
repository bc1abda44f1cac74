//! What tells one build of an object from all others: the linker puts it there, and `strip`
//! leaves it.

use std::fmt::Write as _;

use object::LittleEndian;
use object::elf::{ELF_NOTE_GNU, FileHeader64, NT_GNU_BUILD_ID};
use object::read::elf::NoteIterator;

/// Hashes have 20 bytes; what is longer than this is none.
const AT_MOST: usize = 32;

/// In hexadecimal digits, as debuggers and `readelf -n` write it, if it is among these notes.
pub(super) fn build_id(notes: &[u8]) -> Option<String> {
    // Notes with another alignment are padded so that they are found with this one, too.
    const ALIGN: u64 = 4;
    let notes = NoteIterator::<FileHeader64<LittleEndian>>::new(LittleEndian, ALIGN, notes).ok()?;
    let id = notes.map_while(Result::ok).find(|note| {
        note.name() == ELF_NOTE_GNU && note.n_type(LittleEndian) == NT_GNU_BUILD_ID
    })?;
    let bytes = id.desc();
    (1..=AT_MOST).contains(&bytes.len()).then(|| digits(bytes))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _written = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &[u8], kind: u32, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap();
        let mut note = [4, length, kind].map(u32::to_le_bytes).concat();
        note.extend(name);
        note.extend(content);
        note.resize(note.len().next_multiple_of(4), 0);
        note
    }

    #[test]
    fn it_is_found_among_other_notes() {
        let id = note(b"GNU\0", 3, &[0xab, 0x01, 0xff]);
        let others = [note(b"GNU\0", 1, &[7; 16]), note(b"App\0", 3, &[8; 20])].concat();
        let notes = [others.clone(), id, others.clone()].concat();
        assert_eq!(build_id(&notes).as_deref(), Some("ab01ff"));
        assert_eq!(build_id(&others), None);
    }

    #[test]
    fn what_is_empty_too_long_or_broken_is_none() {
        for length in [0, AT_MOST + 1] {
            assert_eq!(build_id(&note(b"GNU\0", 3, &vec![7; length])), None);
        }
        let id = note(b"GNU\0", 3, &[7; 20]);
        for length in 0..id.len() {
            assert_eq!(build_id(&id[..length]), None, "{length}");
        }
        assert_eq!(build_id(&[0xff; 64]), None);
    }
}
