use std::os::fd::RawFd;

/// Whether a line written to standard error now would not have to wait for a reader.
/// Somebody else may fill it up meanwhile; then it does.
pub(crate) fn stderr_takes_more() -> bool {
    takes_more(libc::STDERR_FILENO)
}

/// A descriptor that is closed, or whose reader is gone, takes it and reports the
/// error.
fn takes_more(fd: RawFd) -> bool {
    let mut asked = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `poll` reads and writes the one structure that it is told of, and with
    // no time to wait it returns at once.
    unsafe { libc::poll(&raw mut asked, 1, 0) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Read as _, Write as _};
    use std::os::fd::AsRawFd as _;

    #[test]
    fn a_pipe_takes_more_until_it_is_full() {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let mut written = 0;
        while takes_more(writer.as_raw_fd()) {
            // Never more than a pipe takes at once.
            written += writer.write(&[0; 512]).unwrap();
        }
        assert!(written > 0);
        reader.read_exact(&mut vec![0; written]).unwrap();
        assert!(takes_more(writer.as_raw_fd()));
    }

    #[test]
    fn nobody_is_waited_for_who_will_not_come() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert!(takes_more(writer.as_raw_fd()), "the write fails at once");
        assert!(
            takes_more(RawFd::MAX),
            "and so it does without a descriptor"
        );
    }
}
