//! Reads memory of our own process that may not be there.

/// The smallest piece of memory that is there or not.
const PAGE: usize = 4096;
/// 64 KiB lie in 16 pages, or in 17 if they don't begin with one.
const PAGES_AT_ONCE: usize = 64 * 1024 / PAGE + 1;

/// Copies what lies at `address` and above it, and returns how many bytes it got: less
/// than asked for where memory is missing or may not be read.
pub(crate) fn read_own(address: u64, into: &mut [u8]) -> usize {
    // SAFETY: `into` is valid for writes of its length.
    unsafe { copy_own(address, into.as_mut_ptr(), into.len()) }
}

/// As [`read_own`]. It is also called in a signal handler, so it allocates nothing, takes
/// no lock and can't panic. It may change `errno`.
///
/// # Safety
///
/// `into` is valid for writes of `length` bytes.
pub(super) unsafe fn copy_own(address: u64, into: *mut u8, length: usize) -> usize {
    let mut copied: usize = 0;
    while copied < length {
        let to = into.wrapping_add(copied);
        let from = address.wrapping_add(copied as u64);
        // SAFETY: what is left of `into` begins at `to`.
        let (asked, got) = unsafe { copy_some(from, to, length.wrapping_sub(copied)) };
        copied = copied.wrapping_add(got);
        if got < asked {
            break;
        }
    }
    copied
}

/// Copies as much as one call takes: returns how much that is, and how much was there.
///
/// # Safety
///
/// As for [`copy_own`].
unsafe fn copy_some(address: u64, into: *mut u8, length: usize) -> (usize, usize) {
    // The kernel stops at a piece that it can't read in full. With one for each page, all
    // that is before a missing page arrives.
    let mut pieces = [const { piece(0, 0) }; PAGES_AT_ONCE];
    let (mut used, mut asked) = (0, 0_usize);
    for slot in &mut pieces {
        let start = address.wrapping_add(asked as u64);
        let to_page_end = PAGE.wrapping_sub(start as usize % PAGE);
        let size = to_page_end.min(length.wrapping_sub(asked));
        if size == 0 {
            break;
        }
        *slot = piece(start as usize, size);
        used += 1;
        asked = asked.wrapping_add(size);
    }
    let whole = libc::iovec {
        iov_base: into.cast(),
        iov_len: asked,
    };
    // SAFETY: the kernel writes at most `asked` bytes, which is at most `length`, to
    // `into`. What it reads, it checks. The first `used` pieces are initialised.
    let got = unsafe {
        libc::process_vm_readv(
            libc::getpid(),
            &raw const whole,
            1,
            pieces.as_ptr(),
            used,
            0,
        )
    };
    (asked, usize::try_from(got).unwrap_or(0))
}

const fn piece(address: usize, size: usize) -> libc::iovec {
    libc::iovec {
        iov_base: std::ptr::without_provenance_mut(address),
        iov_len: size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory of the size of `pages`, of which the last can't be read.
    fn pages_before_a_hole(pages: usize) -> *mut u8 {
        // SAFETY: new memory, and then the rights to its last page.
        unsafe {
            let start = libc::mmap(
                std::ptr::null_mut(),
                pages * PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(start, libc::MAP_FAILED);
            let start = start.cast::<u8>();
            start.write_bytes(7, pages * PAGE);
            let last = start.add((pages - 1) * PAGE);
            assert_eq!(libc::mprotect(last.cast(), PAGE, libc::PROT_NONE), 0);
            start
        }
    }

    #[test]
    fn all_that_lies_before_a_missing_page_is_read() {
        for pages in [2, 3, 17, 18, 40] {
            let there = (pages - 1) * PAGE;
            let start = pages_before_a_hole(pages) as u64;
            for skip in [0, 1, 8, 100, PAGE - 1] {
                let mut into = vec![0; 50 * PAGE];
                let got = read_own(start + skip as u64, &mut into);
                assert_eq!(got, there - skip);
                assert!(into[..got].iter().all(|&byte| byte == 7));
                assert!(into[got..].iter().all(|&byte| byte == 0));
            }
        }
    }

    #[test]
    fn no_address_is_a_fault() {
        for address in [0, 1, u64::from(u32::MAX), 1 << 47, u64::MAX - 8, u64::MAX] {
            assert_eq!(read_own(address, &mut [0; 64]), 0, "{address:#x}");
        }
        assert_eq!(read_own(1, &mut []), 0);
    }
}
