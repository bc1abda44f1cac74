//! What wakes the probe through the user's own I/O driver.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[cfg(any(target_os = "linux", target_os = "android"))]
use eventfd as pair;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use pipe as pair;

/// Rung by the watchdog, heard by the probe. Both ends live as long as either
/// side: whoever rings after the other is gone meets neither SIGPIPE nor an error.
#[derive(Debug)]
pub(crate) struct Bell {
    heard: File,
    rung: Option<File>,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (heard, rung) = pair::open()?;
        Ok(Self { heard, rung })
    }

    /// Makes the other side readable. Never blocks: a bell that nobody hears is
    /// full after a long time, and ringing it once more changes nothing.
    pub(crate) fn ring(&self) {
        let mut end = self.rung.as_ref().unwrap_or(&self.heard);
        // Native-endian 1: what an eventfd adds, and eight bytes like any others
        // to a pipe.
        let _full_means_readable = end.write(&1_u64.to_ne_bytes());
    }

    /// How often it was rung since the last call, by the counter of an eventfd.
    #[cfg(test)]
    pub(crate) fn take_rings(&self) -> u64 {
        let mut counter = [0; 8];
        match (&self.heard).read_exact(&mut counter) {
            Ok(()) => u64::from_ne_bytes(counter),
            Err(_) => 0,
        }
    }

    /// Takes back all that was rung. A reader that empties a pipe in one go needs
    /// no second read, which would only report that there is nothing left.
    fn silence(&self) {
        let mut rings = [0; 64];
        let _empty_means_silent = (&self.heard).read(&mut rings);
    }
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.heard.as_raw_fd()
    }
}

/// A [`Bell`] registered with the I/O driver of a runtime.
#[derive(Debug)]
pub(crate) struct Ear(AsyncFd<Arc<Bell>>);

impl Ear {
    /// Registers with the current runtime.
    ///
    /// # Panics
    ///
    /// If the runtime has no I/O driver; Tokio offers no way to ask.
    pub(crate) fn new(bell: Arc<Bell>) -> io::Result<Self> {
        // SAFETY: a `Bell` owns its descriptor and never exchanges it, and the `Arc`
        // inside the `AsyncFd` keeps it open for as long as it is registered.
        let registered = unsafe { AsyncFd::register_with_interest(bell, Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// Waits for the bell, and calls `at_once` before anything else is done.
    pub(crate) async fn hear(&self, at_once: impl FnOnce()) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        at_once();
        // The driver reports edges: with the readiness cleared first, a ring
        // between the two lines is reported again, and no second read is needed to
        // learn that the bell is silent.
        ready.clear_ready();
        self.0.get_ref().silence();
        Ok(())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod eventfd {
    use std::fs::File;
    use std::io;
    use std::os::fd::FromRawFd as _;

    /// One descriptor for both ends.
    pub(super) fn open() -> io::Result<(File, Option<File>)> {
        // SAFETY: no memory is passed, and the result is checked before use.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor, so nobody else owns it.
        Ok((unsafe { File::from_raw_fd(fd) }, None))
    }
}

#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod pipe {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd as _, OwnedFd};

    pub(super) fn open() -> io::Result<(File, Option<File>)> {
        let (reader, writer) = io::pipe()?;
        Ok((
            nonblocking(reader.into())?,
            Some(nonblocking(writer.into())?),
        ))
    }

    fn nonblocking(end: OwnedFd) -> io::Result<File> {
        // SAFETY: F_SETFL takes an integer and touches no memory. A new pipe has no
        // other status flag to keep.
        if unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(end.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both_kinds() -> [Arc<Bell>; 2] {
        let (heard, rung) = pipe::open().unwrap();
        [
            Arc::new(Bell::new().unwrap()),
            Arc::new(Bell { heard, rung }),
        ]
    }

    #[tokio::test]
    async fn each_ring_after_silence_is_heard_once() {
        for bell in both_kinds() {
            let ear = Ear::new(Arc::clone(&bell)).unwrap();
            let mut heard = 0;
            for _ in 0..1000 {
                bell.ring();
                ear.hear(|| heard += 1).await.unwrap();
            }
            assert_eq!(heard, 1000);
            // A wake-up that was already under way may be reported once more, but
            // never without end.
            let silent = async {
                loop {
                    ear.hear(|| {}).await.unwrap();
                }
            };
            let limit = std::time::Duration::from_millis(20);
            assert!(tokio::time::timeout(limit, silent).await.is_err());
        }
    }

    #[test]
    fn ringing_never_blocks_or_fails_without_a_listener() {
        for bell in both_kinds() {
            // A pipe of 64 KiB is full after 8,192 rings.
            for _ in 0..100_000 {
                bell.ring();
            }
        }
    }

    #[test]
    fn descriptors_are_not_inherited() {
        for bell in both_kinds() {
            for end in [Some(&bell.heard), bell.rung.as_ref()]
                .into_iter()
                .flatten()
            {
                // SAFETY: F_GETFD takes no argument and touches no memory.
                let flags = unsafe { libc::fcntl(end.as_raw_fd(), libc::F_GETFD) };
                assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
            }
        }
    }
}
