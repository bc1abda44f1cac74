use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::ptr::NonNull;

/// A file mapped for reading. Its pages are the kernel's cache of the file, not memory
/// of the program, and only those that are read are ever loaded.
#[derive(Debug)]
pub(crate) struct MappedFile {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it is memory that nobody writes to, owned like a `Box<[u8]>`.
unsafe impl Send for MappedFile {}
// SAFETY: see above; all that a shared reference gives is `&[u8]`.
unsafe impl Sync for MappedFile {}

impl MappedFile {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        // SAFETY: with a null address the kernel chooses a place of its own, so nothing that
        // exists is touched. A length of 0 is an error.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(start.cast())
            .map(|start| Self { start, length })
            .ok_or_else(|| io::ErrorKind::Other.into())
    }

    /// Gives the pages that were read back to the kernel. They are loaded again when needed.
    pub(crate) fn release_pages(&self) {
        // SAFETY: exactly our mapping. It is of a file and was never written to, so a later
        // read sees the same bytes.
        unsafe { libc::madvise(self.start.as_ptr().cast(), self.length, libc::MADV_DONTNEED) };
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `length` bytes from `start` are mapped for reading until `self` is dropped.
        // Whoever overwrites a program or library in place, instead of replacing it, breaks
        // the program that runs it, with or without this.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: exactly our mapping, and no reference to it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_file_reads_as_the_file_also_after_its_pages_were_released() {
        let path = Path::new("/proc/self/exe");
        let (mapped, read) = (
            MappedFile::open(path).unwrap(),
            std::fs::read(path).unwrap(),
        );
        assert!(*mapped == *read);
        mapped.release_pages();
        assert!(*mapped == *read);
    }

    #[test]
    fn what_is_no_file_of_some_length_is_an_error() {
        for path in ["/dev/null", "/proc/self/maps", "/", "/nowhere"] {
            assert!(MappedFile::open(Path::new(path)).is_err(), "{path}");
        }
    }
}
