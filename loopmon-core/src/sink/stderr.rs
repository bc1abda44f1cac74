use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use super::{Sink, SinkError, stall_text, text};
use crate::record::Event;
use crate::snapshot::Snapshot;
use crate::sys::stderr_takes_more;

/// Samples are this much early or late, as the watchdog is.
const TOLERANCE: Duration = Duration::from_millis(100);

/// Standard error: silent while all is well, and a line at the end if there was
/// anything to tell.
pub(super) struct Stderr {
    every: Option<Duration>,
    /// What the last summary line of each runtime ended with.
    shown: HashMap<Arc<str>, Snapshot>,
    terminal: bool,
}

impl Stderr {
    pub(super) fn new(every: Option<Duration>) -> Self {
        Self {
            every,
            shown: HashMap::new(),
            terminal: io::stderr().is_terminal(),
        }
    }

    /// The summary that is due with this sample, if one is.
    fn due(&mut self, total: &Snapshot) -> Option<Snapshot> {
        let every = self.every?;
        let window = match self.shown.get(&total.runtime) {
            Some(earlier) => total.since(earlier),
            None => total.clone(),
        };
        if window.window + TOLERANCE < every {
            return None;
        }
        self.shown.insert(Arc::clone(&total.runtime), total.clone());
        Some(window)
    }

    fn line(&self, sentence: impl FnOnce() -> String, logfmt: impl FnOnce() -> String) {
        // A program that closed standard error wants no lines there.
        let _closed = if self.terminal {
            write_line(&format!("loopmon: {}", sentence()))
        } else {
            write_line(&format!("loopmon {}", logfmt()))
        };
    }
}

impl Sink for Stderr {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        match event {
            Event::Start(_) => {}
            Event::Sample(sample) => {
                if let Some(window) = self.due(&sample.total) {
                    self.line(|| text::summary(&window), || text::logfmt_sample(&window));
                }
            }
            Event::Stall(stall) => {
                if !stall.muted {
                    self.line(
                        || stall_text::stall(stall),
                        || stall_text::logfmt_stall(stall),
                    );
                }
            }
            Event::End(end) => {
                self.shown.remove(&end.total.runtime);
                let late = end.total.lag.max() >= Some(end.stall_threshold);
                if late || end.total.stalls.started() > 0 || !end.dropped.is_empty() {
                    let sentence = || text::farewell(end) + &text::worst(&end.total.stalls);
                    self.line(sentence, || text::logfmt_end(end));
                }
            }
        }
        Ok(())
    }
}

/// Tells the operator something about loopmon itself that can't wait for a sink,
/// or concerns one: a wrong environment variable, a sink that fails.
///
/// Called on the program's threads as well, so it never waits: where standard error
/// takes nothing, as a pipe that nobody reads, the message is lost.
pub(crate) fn notice(message: &str) {
    if stderr_takes_more() {
        let _closed = write_line(&format!("loopmon: {message}"));
    }
}

/// One write, so that lines of several threads do not mix.
fn write_line(line: &str) -> io::Result<()> {
    io::stderr().write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::tests::snapshot;

    #[test]
    fn a_summary_covers_the_time_since_the_last_one() {
        let mut stderr = Stderr::new(Some(Duration::from_secs(10)));
        let mut covered = Vec::new();
        for second in 1..=30 {
            let total = snapshot("main", Duration::from_secs(second));
            covered.extend(stderr.due(&total).map(|window| window.window.as_secs()));
        }
        assert_eq!(covered, [10, 10, 10]);
    }

    #[test]
    fn runtimes_have_a_period_each() {
        let mut stderr = Stderr::new(Some(Duration::from_secs(10)));
        assert!(
            stderr
                .due(&snapshot("a", Duration::from_secs(10)))
                .is_some()
        );
        assert!(
            stderr
                .due(&snapshot("b", Duration::from_secs(10)))
                .is_some()
        );
        assert!(
            stderr
                .due(&snapshot("a", Duration::from_secs(11)))
                .is_none()
        );
    }

    #[test]
    fn without_a_period_there_is_no_summary() {
        assert!(
            Stderr::new(None)
                .due(&snapshot("main", Duration::from_secs(99)))
                .is_none()
        );
    }
}
