use loopmon::{Event, Monitor, MonitorBuilder, Sink, SinkError};

/// Takes all records and keeps none: scenarios read snapshots.
struct Quiet;

impl Sink for Quiet {
    fn event(&mut self, _: &Event<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// loopmon with its defaults, but for what it prints.
pub(crate) fn monitor() -> MonitorBuilder {
    Monitor::builder().sink(Quiet)
}
