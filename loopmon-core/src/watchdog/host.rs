use std::time::Instant;

use crate::histogram::Recorder;

/// Host lag: how late the watchdog itself woke. It waits for nothing but the
/// clock, so what delays it is the machine: no free core, a quota, a suspended
/// process. Beside it one can tell whose fault a late loop is.
#[derive(Debug)]
pub(crate) struct HostLag {
    expected: Option<Instant>,
}

impl HostLag {
    pub(crate) const fn new() -> Self {
        Self { expected: None }
    }

    /// The watchdog is about to sleep until `wake`.
    pub(crate) fn expect(&mut self, wake: Instant) {
        self.expected = Some(wake);
    }

    /// It woke, or was woken.
    pub(crate) fn woke(&mut self, now: Instant, lags: &Recorder) {
        let expected = self.expected.take();
        if let Some(late) = expected.and_then(|expected| now.checked_duration_since(expected)) {
            lags.record(late);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_the_time_after_the_planned_instant_counts() {
        let (start, ms) = (Instant::now(), Duration::from_millis(1));
        let (mut host, lags) = (HostLag::new(), Recorder::new());
        host.woke(start, &lags);
        host.expect(start + 10 * ms);
        host.woke(start + 5 * ms, &lags);
        assert_eq!(lags.load().count(), 0, "woken early by somebody");
        host.expect(start + 20 * ms);
        host.woke(start + 320 * ms, &lags);
        assert_eq!(lags.load().count(), 1);
        assert!(lags.load().max().unwrap() >= 300 * ms);
    }
}
