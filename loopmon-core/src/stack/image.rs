//! The bytes of a loaded object, from its file. The program may unload a library at any
//! moment, so its memory is never looked at directly.

use std::env::current_exe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libc::{PF_X, PT_GNU_EH_FRAME, PT_LOAD, PT_NOTE};
use object::LittleEndian;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader as _, ProgramHeader as _};

use super::build_id::build_id;
use crate::sys::{Loaded, MappedFile, Segment, read_own};

/// Of an object without a file, as much memory is copied as the vdso (8 KiB) and the
/// unwind tables of a large library (of glibc: 340 KiB) need.
const COPIED_AT_MOST: u64 = 1 << 20;

/// A note is a few dozen bytes; what claims to be more than this is none.
const NOTE_AT_MOST: u64 = 4 << 10;

#[derive(Debug)]
pub(super) struct Image {
    bytes: Bytes,
    /// Where they stand, with offsets into `bytes`.
    segments: Vec<Segment>,
    build_id: Option<Arc<str>>,
}

#[derive(Debug)]
enum Bytes {
    Mapped(MappedFile),
    Copied(Vec<u8>),
}

impl Image {
    /// The file of an object, if it is still the one that was loaded; else a copy of the
    /// memory that unwinding needs. The vdso has no file, and an upgrade of the system
    /// replaces those of libraries under running programs.
    pub(super) fn of(object: &Loaded) -> Option<Self> {
        Self::mapped(object).or_else(|| Self::copied(object))
    }

    fn mapped(object: &Loaded) -> Option<Self> {
        let file = MappedFile::open(&path(object)).ok()?;
        is_what_was_loaded(&file, object).then(|| Self {
            bytes: Bytes::Mapped(file),
            segments: object.segments.clone(),
            build_id: id(object),
        })
    }

    fn copied(object: &Loaded) -> Option<Self> {
        let table = of_kind(&object.segments, PT_GNU_EH_FRAME).next()?;
        let segment = of_kind(&object.segments, PT_LOAD).find(|segment| {
            contains(segment, table.address) && segment.file_size <= COPIED_AT_MOST
        })?;
        let bytes = memory(object, segment)?;
        Some(Self {
            bytes: Bytes::Copied(bytes),
            segments: vec![
                Segment {
                    offset: 0,
                    ..*segment
                },
                *table,
            ],
            build_id: id(object),
        })
    }

    /// Whether it is still of what is loaded there.
    pub(super) fn is_of(&self, object: &Loaded) -> bool {
        match &self.bytes {
            Bytes::Mapped(file) => is_what_was_loaded(file, object),
            Bytes::Copied(bytes) => Self::copied(object).is_some_and(|now| now.file() == bytes),
        }
    }

    /// From a stated address to the end of what is loaded around it.
    pub(super) fn at(&self, address: u64) -> Option<&[u8]> {
        let segment =
            of_kind(&self.segments, PT_LOAD).find(|segment| contains(segment, address))?;
        let into = address - segment.address;
        let start = segment.offset.checked_add(into)?;
        let length = segment.file_size.checked_sub(into)?;
        part(self.file(), start, length)
    }

    /// The stated address of the index to the unwind tables.
    pub(super) fn unwind_index(&self) -> Option<u64> {
        of_kind(&self.segments, PT_GNU_EH_FRAME)
            .map(|segment| segment.address)
            .next()
    }

    pub(super) fn file(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(file) => file,
            Bytes::Copied(bytes) => bytes,
        }
    }

    pub(super) fn build_id(&self) -> Option<&Arc<str>> {
        self.build_id.as_ref()
    }

    /// Whether all is there, and not only what unwinding needs.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.bytes, Bytes::Mapped(_))
    }

    pub(super) fn release_pages(&self) {
        if let Bytes::Mapped(file) = &self.bytes {
            file.release_pages();
        }
    }
}

/// Stated addresses of the object's machine code.
pub(super) fn code(object: &Loaded) -> impl Iterator<Item = &Segment> {
    of_kind(&object.segments, PT_LOAD).filter(|segment| segment.flags & PF_X != 0)
}

/// The program may have been replaced or deleted; this link leads to what runs.
fn path(object: &Loaded) -> PathBuf {
    if object.name.is_empty() {
        PathBuf::from("/proc/self/exe")
    } else {
        PathBuf::from(&object.name)
    }
}

/// The file name of the object, as users know it.
pub(super) fn module(object: &Loaded) -> String {
    let path = if object.name.is_empty() {
        current_exe().unwrap_or_default()
    } else {
        PathBuf::from(&object.name)
    };
    let name = Path::file_name(&path).unwrap_or_default().to_string_lossy();
    // What the kernel appends when the program's file is gone.
    name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned()
}

/// Program headers and notes, of which one is the build id, are the same in both. Of the
/// program itself the link leads to no other file, also where memory may not be read.
fn is_what_was_loaded(file: &[u8], object: &Loaded) -> bool {
    headers(file).is_some_and(|headers| headers == object.segments)
        && (object.name.is_empty() || has_notes_of(file, object))
}

fn has_notes_of(file: &[u8], object: &Loaded) -> bool {
    notes(object).all(|note| {
        let loaded = memory(object, note);
        loaded.as_deref() == part(file, note.offset, note.file_size)
    })
}

fn id(object: &Loaded) -> Option<Arc<str>> {
    let mut notes = notes(object).filter_map(|note| memory(object, note));
    notes.find_map(|note| build_id(&note)).map(Arc::from)
}

fn notes(object: &Loaded) -> impl Iterator<Item = &Segment> {
    of_kind(&object.segments, PT_NOTE).filter(|note| note.file_size <= NOTE_AT_MOST)
}

fn headers(file: &[u8]) -> Option<Vec<Segment>> {
    let header = FileHeader64::<LittleEndian>::parse(file).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, file).ok()?.iter();
    let segments = segments.map(|segment| Segment {
        kind: segment.p_type(endian).0,
        flags: segment.p_flags(endian).0,
        offset: segment.p_offset(endian),
        address: segment.p_vaddr(endian),
        file_size: segment.p_filesz(endian),
        memory_size: segment.p_memsz(endian),
    });
    Some(segments.collect())
}

/// A copy of what stands in memory for a segment of the file.
fn memory(object: &Loaded, segment: &Segment) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(segment.file_size).ok()?];
    let address = object.bias.wrapping_add(segment.address);
    (read_own(address, &mut bytes) == bytes.len()).then_some(bytes)
}

fn of_kind(segments: &[Segment], kind: u32) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(move |segment| segment.kind == kind)
}

fn contains(segment: &Segment, address: u64) -> bool {
    address
        .checked_sub(segment.address)
        .is_some_and(|into| into < segment.memory_size)
}

fn part(bytes: &[u8], start: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::loaded_objects;

    /// The object whose name begins so.
    fn loaded(name: &str) -> Loaded {
        let (_, objects) = loaded_objects(None).unwrap();
        let found = objects
            .into_iter()
            .find(|object| module(object).starts_with(name));
        found.unwrap()
    }

    #[test]
    fn a_file_that_is_not_what_was_loaded_is_not_used_and_the_memory_is() {
        let libc = loaded("libc.so");
        let original = Image::of(&libc).unwrap();
        assert!(original.is_whole());
        for path in ["/proc/self/exe", "/etc/passwd", "/nowhere"] {
            let replaced = Loaded {
                name: path.into(),
                ..libc.clone()
            };
            let image = Image::of(&replaced).unwrap();
            assert!(!image.is_whole(), "{path}");
            let index = image.unwind_index().unwrap();
            assert_eq!(original.unwind_index(), Some(index));
            assert_eq!(image.at(index), original.at(index), "{path}");
        }
    }

    #[test]
    fn a_file_with_another_build_id_is_not_what_was_loaded() {
        let libc = loaded("libc.so");
        let mut file = std::fs::read(&libc.name).unwrap();
        assert!(is_what_was_loaded(&file, &libc));
        let note = of_kind(&libc.segments, PT_NOTE).last().unwrap();
        let last = usize::try_from(note.offset + note.file_size - 1).unwrap();
        file[last] ^= 1;
        assert!(!is_what_was_loaded(&file, &libc));
    }

    #[test]
    fn an_object_has_its_build_id_with_or_without_its_file() {
        let libc = loaded("libc.so");
        let replaced = Loaded {
            name: "/nowhere".into(),
            ..libc.clone()
        };
        let [original, copy] = [&libc, &replaced].map(|object| Image::of(object).unwrap());
        let id = original.build_id().unwrap();
        assert!(id.len() >= 16 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
        assert_eq!(copy.build_id(), Some(id));
    }

    #[test]
    fn the_vdso_has_no_file_and_an_image() {
        let image = Image::of(&loaded("linux-vdso")).unwrap();
        assert!(!image.is_whole() && image.unwind_index().is_some());
    }
}
