//! The numbers of one runtime over a window of time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::histogram::Distribution;
use crate::stall::Stalls;

/// How lag is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Probe {
    /// An event through the runtime's own I/O driver, as a socket of the program
    /// would have it. Needs `enable_io`. Its floor is the time the operating system
    /// takes to wake a thread: about 30 µs.
    #[default]
    Io,
    /// How late a sleep ends. Needs `enable_time`. Its floor is the granularity of
    /// Tokio's timer, about 1 ms; while Tokio's clock is paused it measures nothing.
    Timer,
    /// None: active tasks, workers and host lag only.
    None,
}

impl Probe {
    /// The word that stands for it in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::Timer => "timer",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one runtime did over [`window`](Self::window).
///
/// [`Monitor::snapshot`](crate::Monitor::snapshot) covers the time since the runtime
/// was first monitored; the difference of two snapshots covers the time between them.
///
/// # Examples
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::time::Duration;
/// let monitor = loopmon_core::Monitor::builder().start()?;
/// let before = monitor.snapshot();
/// tokio::time::sleep(Duration::from_millis(20)).await; // the work to look at
/// let work = monitor.snapshot().since(&before);
///
/// assert!(work.window >= Duration::from_millis(20));
/// println!("{} tasks, lag at most {:?}", work.active_tasks.unwrap_or(0), work.lag.max());
/// # monitor.shutdown();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The name of the runtime, unique in the process.
    pub runtime: Arc<str>,
    /// The length of time that the numbers cover.
    pub window: Duration,
    /// How lag was measured.
    pub probe: Probe,
    /// Why lag could not be measured; `None` if it was.
    pub unmeasured: Option<Arc<str>>,
    /// From the instant an event was ready for the loop to the instant the loop ran
    /// the task that waited for it.
    pub lag: Lag,
    /// Tasks that were spawned and had not finished at the end of the window, without
    /// loopmon's own. Tasks of a `LocalSet` are not known to the runtime and not
    /// counted. `None` once the runtime is gone.
    pub active_tasks: Option<usize>,
    /// Tasks in the queue that all workers share, at the end of the window. `None`
    /// once the runtime is gone.
    pub global_queue_depth: Option<usize>,
    /// Threads that the runtime had started and not stopped at the end of the window:
    /// workers (other than the thread inside `block_on`) and threads for blocking
    /// work. `None` where the runtime was built without loopmon's hooks.
    pub threads: Option<usize>,
    /// The workers by index. Empty once the runtime is gone.
    pub workers: Vec<Worker>,
    /// Workers that stayed away from the scheduler for the threshold or longer.
    pub stalls: Stalls,
    /// How late loopmon's own thread woke: what the machine did, not the loop.
    pub host_lag: Distribution,
}

impl Snapshot {
    /// What happened after `earlier`, an older snapshot of the same runtime. States,
    /// such as the number of tasks, are those of `self`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            window: self.window.saturating_sub(earlier.window),
            lag: self.lag.since(&earlier.lag),
            workers: self
                .workers
                .iter()
                .map(|worker| worker.since(&earlier.workers))
                .collect(),
            stalls: self.stalls.since(&earlier.stalls),
            host_lag: self.host_lag.since(&earlier.host_lag),
            ..self.clone()
        }
    }
}

/// One worker of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Worker {
    /// As in `tokio::runtime::worker_index()`.
    pub index: usize,
    /// The time in which it was not parked. Tokio publishes it when the worker parks
    /// and every 61 polls, so that it jumps at the end of a long poll.
    pub busy: Duration,
}

impl Worker {
    fn since(&self, earlier: &[Self]) -> Self {
        let before = earlier
            .get(self.index)
            .map_or(Duration::ZERO, |worker| worker.busy);
        Self {
            index: self.index,
            busy: self.busy.saturating_sub(before),
        }
    }
}

/// The lag of one runtime over a window.
///
/// A ping that waited for `L` counts once for itself, and once for each ping that
/// could not be sent meanwhile, at `L − interval`, `L − 2·interval` …: the loop was
/// that late for events at those instants too. A ping that still waits counts as if
/// it were answered now. A healthy answer may take an interval to be counted, a late
/// one is counted at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Lag {
    answered: Distribution,
    last: Option<Duration>,
    waiting: Option<Waiting>,
}

/// A ping that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) age: Duration,
    /// Since when it counts as an event of the distribution; `None` if it does not yet:
    /// it was sent out of turn, because a worker was suspected to be stuck.
    pub(crate) counted: Option<Duration>,
    pub(crate) interval: Duration,
}

impl Lag {
    pub(crate) fn new(
        answered: Distribution,
        last: Option<Duration>,
        waiting: Option<Waiting>,
    ) -> Self {
        Self {
            answered,
            last,
            waiting,
        }
    }

    /// All of it.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        match self.waiting {
            Some(Waiting {
                counted: Some(age),
                interval,
                ..
            }) => self.answered.with_descending(age, interval),
            _ => self.answered.clone(),
        }
    }

    /// How many events are counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.distribution().count()
    }

    /// The lag that the fraction `q` of all events did not exceed, such as 0.99.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        self.distribution().quantile(q)
    }

    /// The greatest lag.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.distribution().max()
    }

    /// The present lag: the age of a ping that waits, or the newest answer if that
    /// was later.
    #[must_use]
    pub fn last(&self) -> Option<Duration> {
        self.last.max(self.waiting())
    }

    /// How long a ping has been waiting; `None` if none is out. A loop that is stuck
    /// shows here while it is stuck.
    #[must_use]
    pub fn waiting(&self) -> Option<Duration> {
        self.waiting.map(|waiting| waiting.age)
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            answered: self.answered.since(&earlier.answered),
            ..self.clone()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn snapshot(runtime: &str, window: Duration) -> Snapshot {
        Snapshot {
            runtime: runtime.into(),
            window,
            probe: Probe::Io,
            unmeasured: None,
            lag: Lag::new(Distribution::default(), None, None),
            active_tasks: Some(0),
            global_queue_depth: Some(0),
            threads: None,
            workers: vec![Worker {
                index: 0,
                busy: window / 2,
            }],
            stalls: Stalls::default(),
            host_lag: Distribution::default(),
        }
    }

    #[test]
    fn a_difference_of_snapshots_covers_the_time_between_them() {
        let earlier = snapshot("main", Duration::from_secs(2));
        let later = snapshot("main", Duration::from_secs(5));
        let between = later.since(&earlier);
        assert_eq!(between.window, Duration::from_secs(3));
        assert_eq!(between.workers[0].busy, Duration::from_millis(1500));
    }

    #[test]
    fn a_ping_out_of_turn_is_shown_and_not_counted() {
        let ms = Duration::from_millis;
        let waiting = Waiting {
            age: ms(300),
            counted: None,
            interval: ms(250),
        };
        let lag = Lag::new(Distribution::default(), None, Some(waiting));
        assert_eq!((lag.last(), lag.count()), (Some(ms(300)), 0));
    }

    #[test]
    fn a_ping_that_waits_counts_at_its_present_age() {
        let ms = Duration::from_millis;
        let waiting = Waiting {
            age: ms(1000),
            counted: Some(ms(1000)),
            interval: ms(250),
        };
        let lag = Lag::new(Distribution::default(), Some(ms(1)), Some(waiting));
        assert_eq!(lag.count(), 4);
        assert!(lag.max().unwrap() >= ms(1000));
        assert_eq!(lag.last(), Some(ms(1000)));
        // Once it is answered, only the answer counts.
        let answered = Lag::new(Distribution::default(), Some(ms(1)), None);
        assert_eq!(answered.since(&lag).count(), 0);
    }
}
