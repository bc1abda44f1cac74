use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use super::{Sink, SinkError};
use crate::config::JsonlTarget;
use crate::record::{Event, json};

/// One JSON object a line, each written at once, so that nothing is lost with the
/// process but what is still queued.
pub(super) struct Jsonl {
    target: JsonlTarget,
    file: Option<File>,
    /// The last line was written in part, on a disk that was full.
    torn: bool,
}

impl Jsonl {
    pub(super) fn new(target: JsonlTarget) -> Self {
        Self {
            target,
            file: None,
            torn: false,
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let path = match &self.target {
            JsonlTarget::Stdout => {
                let mut stdout = io::stdout().lock();
                write_all(&mut stdout, line, &mut self.torn)?;
                return stdout.flush();
            }
            JsonlTarget::File(path) => path,
        };
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().create(true).append(true).open(path)?),
        };
        write_all(file, line, &mut self.torn)
    }
}

/// As [`Write::write_all`], and tells by `torn` whether what has been written ends in
/// the middle of a line.
fn write_all(to: &mut impl Write, mut line: &[u8], torn: &mut bool) -> io::Result<()> {
    while !line.is_empty() {
        match to.write(line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                let (written, rest) = line.split_at(count.min(line.len()));
                *torn = !written.ends_with(b"\n");
                line = rest;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Sink for Jsonl {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let mut line = Vec::new();
        if self.torn {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, &json::Line::from(event))?;
        line.push(b'\n');
        Ok(self.write(&line)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many bytes.
    struct Disk(usize, Vec<u8>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0 - self.1.len());
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_line_that_was_written_in_part_is_torn() {
        for (room, written, torn) in [(0, "", false), (2, "ab", true), (4, "abc\n", false)] {
            let mut disk = Disk(room, Vec::new());
            let mut torn_now = false;
            let result = write_all(&mut disk, b"abc\n", &mut torn_now);
            assert_eq!(result.is_ok(), room == 4);
            assert_eq!((&*disk.1, torn_now), (written.as_bytes(), torn));
        }
    }

    #[test]
    fn a_line_stays_torn_until_something_is_written() {
        let mut torn = true;
        assert!(write_all(&mut Disk(0, Vec::new()), b"\nabc\n", &mut torn).is_err());
        assert!(torn);
        assert!(write_all(&mut Disk(1, Vec::new()), b"\nabc\n", &mut torn).is_err());
        assert!(!torn, "the old line is ended, the new one not begun");
    }
}
