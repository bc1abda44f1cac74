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
    /// The last line may have been written in part, on a disk that was full.
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
                stdout.write_all(line)?;
                return stdout.flush();
            }
            JsonlTarget::File(path) => path,
        };
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().create(true).append(true).open(path)?),
        };
        file.write_all(line)
    }
}

impl Sink for Jsonl {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let mut line = Vec::new();
        if self.torn {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, &json::Line::from(event))?;
        line.push(b'\n');
        let written = self.write(&line);
        self.torn = written.is_err();
        Ok(written?)
    }
}
