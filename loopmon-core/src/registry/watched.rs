use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::runtime::{self, RuntimeFlavor, RuntimeMetrics};
use tokio::task::AbortHandle;

use crate::config::Backtrace;
use crate::histogram::Recorder;
use crate::inside::{Line, ThreadCount};
use crate::snapshot::{Lag, Probe, Snapshot, Waiting, Worker};

/// The settings of one runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) interval: Duration,
    pub(crate) stall_threshold: Duration,
    pub(crate) backtrace: Backtrace,
}

/// One runtime under watch: what the probe, the watchdog and the program's
/// [`Monitor`](crate::Monitor)s share.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) name: Arc<str>,
    pub(crate) id: runtime::Id,
    pub(crate) flavor: RuntimeFlavor,
    pub(crate) num_workers: usize,
    pub(crate) settings: Settings,
    pub(crate) probe: Probe,
    /// Why the probe that was asked for could not be had.
    pub(crate) unavailable: Option<Arc<str>>,
    pub(crate) threads: Option<ThreadCount>,
    pub(crate) since: Instant,
    pub(crate) line: Line,
    pub(crate) lags: Recorder,
    watchdog: Thread,
    hold: Mutex<Option<Hold>>,
    closed: AtomicBool,
}

/// What keeps parts of the runtime alive, most of all the descriptors of its
/// drivers. It has to go when the runtime does.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) metrics: RuntimeMetrics,
    pub(crate) probe: AbortHandle,
}

impl Watched {
    /// A runtime that is about to be watched, since `since`.
    pub(crate) fn new(
        name: Arc<str>,
        handle: &runtime::Handle,
        settings: Settings,
        probe: Probe,
        watchdog: Thread,
        since: Instant,
    ) -> Self {
        Self {
            name,
            id: handle.id(),
            flavor: handle.runtime_flavor(),
            num_workers: handle.metrics().num_workers(),
            settings,
            probe,
            unavailable: None,
            threads: None,
            since,
            line: Line::default(),
            lags: Recorder::new(),
            watchdog,
            hold: Mutex::new(None),
            closed: AtomicBool::new(false),
        }
    }

    /// Keeps `hold` until the runtime is gone, which it may be already.
    pub(crate) fn keep(&self, hold: Hold) {
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
        if self.is_closed() {
            self.let_go();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The runtime is gone. Runs on one of its threads, so it waits for nothing: if
    /// the watchdog is reading at this moment, the watchdog lets go.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let hold = match self.hold.try_lock() {
            Ok(mut hold) => hold.take(),
            Err(TryLockError::Poisoned(hold)) => hold.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        };
        drop(hold);
        self.watchdog.unpark();
    }

    /// The program no longer wants this runtime watched.
    pub(crate) fn stop(&self) {
        self.with_hold(|hold| hold.probe.abort());
        self.closed.store(true, Ordering::Release);
        self.let_go();
        self.watchdog.unpark();
    }

    /// Gives up whatever is held. Outside of the lock: the last handle of a runtime
    /// closes its drivers.
    pub(crate) fn let_go(&self) {
        let hold = self
            .hold
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(hold);
    }

    fn with_hold<R>(&self, read: impl FnOnce(&Hold) -> R) -> Option<R> {
        let result = self
            .hold
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(read);
        if self.is_closed() {
            self.let_go();
        }
        result
    }

    /// Why lag is not measured, if it is not.
    pub(crate) fn unmeasured(&self) -> Option<Arc<str>> {
        if self.line.clock_is_paused() {
            return Some("Tokio's clock is paused".into());
        }
        match self.probe {
            Probe::None => Some("no probe was asked for".into()),
            Probe::Io | Probe::Timer => self.unavailable.clone(),
        }
    }

    /// Called by the probe as soon as it runs. The watchdog collects most answers when
    /// it wakes to send the next ping; one that is late is worth waking it for.
    pub(crate) fn answer(&self, now: Instant) {
        const LATE: Duration = Duration::from_millis(5);
        if self.line.answer(now).is_some_and(|lag| lag >= LATE) {
            self.watchdog.unpark();
        }
    }

    pub(crate) fn waiting(&self, now: Instant) -> Option<Duration> {
        if self.is_closed() {
            None
        } else {
            self.line.waiting(now)
        }
    }

    /// Tasks of the program: ours is not counted.
    pub(crate) fn active_tasks(&self) -> Option<usize> {
        self.with_hold(|hold| hold.metrics.num_alive_tasks().saturating_sub(1))
    }

    /// Everything since the runtime was first monitored.
    pub(crate) fn snapshot(&self, now: Instant, host_lags: &Recorder) -> Snapshot {
        let waiting = self.waiting(now).map(|age| Waiting {
            age,
            interval: self.settings.interval,
        });
        let (queued, workers) = self
            .with_hold(|Hold { metrics, .. }| {
                let workers = (0..self.num_workers).map(|index| Worker {
                    index,
                    busy: metrics.worker_total_busy_duration(index),
                });
                (Some(metrics.global_queue_depth()), workers.collect())
            })
            .unwrap_or_default();
        Snapshot {
            runtime: Arc::clone(&self.name),
            window: now.saturating_duration_since(self.since),
            probe: self.probe,
            unmeasured: self.unmeasured(),
            lag: Lag::new(self.lags.load(), self.line.last(), waiting),
            active_tasks: self.active_tasks(),
            global_queue_depth: queued,
            threads: self.threads.as_ref().map(ThreadCount::get),
            workers,
            host_lag: host_lags.load(),
        }
    }
}
