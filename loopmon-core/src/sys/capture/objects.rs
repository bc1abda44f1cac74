//! What is loaded into this process, as the dynamic linker tells it.

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// How often objects were loaded and unloaded: if it is the same, so are the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    loaded: u64,
    unloaded: u64,
}

/// The main program, a library, or the kernel's vdso.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// The path, as the linker has it: empty for the main program, no path for the vdso.
    pub(crate) name: OsString,
    /// What was added to the addresses that the object states.
    pub(crate) bias: u64,
    pub(crate) segments: Vec<Segment>,
}

/// A program header: which part of the file stands where. Addresses are those stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) file_size: u64,
    pub(crate) memory_size: u64,
}

/// All objects, unless they are still those of `known`.
pub(crate) fn loaded_objects(known: Option<Generation>) -> Option<(Generation, Vec<Loaded>)> {
    let mut listing = Listing {
        known,
        generation: None,
        objects: Vec::new(),
    };
    // SAFETY: `add` is called before this returns only, with the pointer to `listing`, which
    // nobody else uses meanwhile.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut listing).cast()) };
    Some((listing.generation?, listing.objects))
}

struct Listing {
    known: Option<Generation>,
    /// None if nothing is new.
    generation: Option<Generation>,
    objects: Vec<Loaded>,
}

/// Called by the linker for each object, under its lock: here all is copied, so that no
/// memory of an object is touched later.
unsafe extern "C" fn add(
    info: *mut libc::dl_phdr_info,
    _: libc::size_t,
    listing: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the linker passes a valid structure, and on what `loaded_objects` gave it.
    let (info, listing) = unsafe { (&*info, &mut *listing.cast::<Listing>()) };
    let generation = Generation {
        loaded: info.dlpi_adds,
        unloaded: info.dlpi_subs,
    };
    if listing.known == Some(generation) {
        return 1; // That's all.
    }
    listing.generation = Some(generation);
    let name = if info.dlpi_name.is_null() {
        OsString::new()
    } else {
        // SAFETY: a string of the linker that lives as long as its lock is held.
        OsStr::from_bytes(unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes()).to_owned()
    };
    let headers = if info.dlpi_phdr.is_null() {
        &[]
    } else {
        // SAFETY: the linker's table of the object's program headers, loaded as said above.
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) }
    };
    listing.objects.push(Loaded {
        name,
        bias: info.dlpi_addr,
        segments: headers.iter().map(segment).collect(),
    });
    0
}

fn segment(header: &libc::Elf64_Phdr) -> Segment {
    Segment {
        kind: header.p_type,
        flags: header.p_flags,
        offset: header.p_offset,
        address: header.p_vaddr,
        file_size: header.p_filesz,
        memory_size: header.p_memsz,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_listed_once_and_again_only_when_they_changed() {
        let (generation, objects) = loaded_objects(None).unwrap();
        assert!(objects.iter().any(|object| object.name.is_empty()));
        assert!(loaded_objects(Some(generation)).is_none());
        let other = Generation {
            loaded: generation.loaded + 1,
            ..generation
        };
        assert_eq!(loaded_objects(Some(other)), Some((generation, objects)));
    }
}
