use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::runtime::{self, Handle, RuntimeFlavor, RuntimeMetrics};
use tokio::task::AbortHandle;

use crate::config::Backtrace;
use crate::histogram::Recorder;
use crate::inside::{Entered, Hooked, Line, Root, Seats};
use crate::snapshot::{Lag, Probe, Snapshot, Waiting, Worker};
use crate::stall::{StallBook, WorkerName};

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
    /// The crates that are the program's own.
    pub(crate) own: Arc<[String]>,
    pub(crate) probe: Probe,
    /// Why the probe that was asked for could not be had.
    pub(crate) unavailable: Option<Arc<str>>,
    /// What our hooks tell; `None` where the runtime was built without them.
    pub(crate) hooked: Option<Arc<Hooked>>,
    /// Shared with the hooks, if there are any.
    pub(crate) seats: Arc<Seats>,
    pub(crate) root: Root,
    pub(crate) since: Instant,
    pub(crate) line: Line,
    pub(crate) lags: Recorder,
    stalls: Mutex<StallBook>,
    watchdog: Thread,
    hold: Mutex<Option<Hold>>,
    life: AtomicU8,
    /// Whether loopmon built it, drives it and drops it.
    pub(crate) launched: bool,
    being_dropped: AtomicBool,
    /// Tasks of ours that run on it.
    our_tasks: AtomicUsize,
    /// The worker that the drill blocks, plus one; 0 if none.
    drilled: AtomicUsize,
}

/// [`Watched::life`]: the runtime runs,
const OPEN: u8 = 0;
/// it is shutting down,
const CLOSING: u8 = 1;
/// nothing more can be seen of it.
const GONE: u8 = 2;

/// What keeps parts of the runtime alive, most of all the descriptors of its
/// drivers. It has to go when the runtime does.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) handle: Handle,
    pub(crate) metrics: RuntimeMetrics,
    pub(crate) probe: AbortHandle,
}

impl Watched {
    /// A runtime that is about to be watched, since `since`.
    pub(crate) fn new(
        name: Arc<str>,
        handle: &Handle,
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
            own: Arc::default(),
            probe,
            unavailable: None,
            hooked: None,
            seats: Arc::new(Seats::new()),
            root: Root::default(),
            since,
            line: Line::default(),
            lags: Recorder::new(),
            stalls: Mutex::default(),
            watchdog,
            hold: Mutex::new(None),
            life: AtomicU8::new(OPEN),
            launched: false,
            being_dropped: AtomicBool::new(false),
            our_tasks: AtomicUsize::new(1), // The probe.
            drilled: AtomicUsize::new(0),
        }
    }

    /// The runtime was built with our hooks.
    pub(crate) fn set_hooked(&mut self, hooked: Arc<Hooked>) {
        self.seats = Arc::clone(&hooked.seats);
        self.hooked = Some(hooked);
    }

    /// Keeps `hold` until the runtime is gone, which it may be already.
    pub(crate) fn keep(&self, hold: Hold) {
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
        if self.is_gone() {
            self.let_go();
        }
    }

    /// The runtime is shutting down, or no longer watched.
    pub(crate) fn is_closed(&self) -> bool {
        self.life.load(Ordering::Acquire) != OPEN
    }

    /// Nothing more can be seen of the runtime, or is to be.
    pub(crate) fn is_gone(&self) -> bool {
        self.life.load(Ordering::Acquire) == GONE
    }

    /// Whether it can be seen how the end of the runtime goes on: by its threads, or
    /// because it was loopmon that began it.
    fn is_seen_closing(&self) -> bool {
        let by_threads = self.hooked.is_some() && self.flavor != RuntimeFlavor::CurrentThread;
        by_threads || self.is_being_dropped()
    }

    /// Until the result is dropped, this thread drives the runtime; `None` if another does
    /// so already.
    pub(crate) fn enter_root(&self) -> Option<Entered<'_>> {
        let entered = self.root.enter();
        if entered.is_some() {
            if let Some(hooked) = &self.hooked {
                hooked.active();
            }
            self.watchdog.unpark();
        }
        entered
    }

    /// Called where loopmon itself is about to drop the runtime.
    pub(crate) fn drop_begins(&self) {
        self.being_dropped.store(true, Ordering::Release);
        self.watchdog.unpark();
    }

    fn is_being_dropped(&self) -> bool {
        self.being_dropped.load(Ordering::Acquire)
    }

    /// Whether the runtime waits at its end for something that is not blocking work, which
    /// may take its time: it counts only where no thread can be such.
    pub(crate) fn hangs_at_end(&self) -> bool {
        let Some(Hooked { threads, .. }) = self.hooked.as_deref() else {
            return false;
        };
        if self.flavor == RuntimeFlavor::CurrentThread {
            return self.is_being_dropped() && threads.alive() == 0;
        }
        let only_workers = threads.started() == self.num_workers;
        self.is_closed() && only_workers && threads.alive() > 0
    }

    /// Whether it is shutting down, and nothing of it is left.
    pub(crate) fn has_ended(&self) -> bool {
        let by_threads = self.flavor != RuntimeFlavor::CurrentThread;
        let hooked = self.hooked.as_ref().filter(|_| by_threads);
        self.is_closed() && hooked.is_some_and(|hooked| hooked.threads.alive() == 0)
    }

    /// The runtime drops the probe: it is shutting down. Runs on one of its threads, so it
    /// waits for nothing: if the watchdog is reading at this moment, the watchdog lets go.
    pub(crate) fn close(&self) {
        if self.is_seen_closing() {
            let open =
                self.life
                    .compare_exchange(OPEN, CLOSING, Ordering::AcqRel, Ordering::Acquire);
            if open.is_ok() {
                return self.watchdog.unpark();
            }
        }
        self.life.store(GONE, Ordering::Release);
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
        self.end();
        self.watchdog.unpark();
    }

    /// Nothing more is to be seen of it.
    pub(crate) fn end(&self) {
        self.life.store(GONE, Ordering::Release);
        self.let_go();
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

    pub(crate) fn with_hold<R>(&self, read: impl FnOnce(&Hold) -> R) -> Option<R> {
        let result = self
            .hold
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(read);
        if self.is_gone() {
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

    /// Why stalls can't be told, if they can't.
    pub(crate) fn unjudged(&self) -> Option<Arc<str>> {
        let judged = self.launched || self.flavor != RuntimeFlavor::CurrentThread;
        (!judged).then(|| {
            "whether a current-thread runtime is being driven can't be seen from outside: give \
             `block_on` a future of `Monitor::root`"
                .into()
        })
    }

    /// Called by the probe as soon as it runs. The watchdog collects most answers when
    /// it wakes to send the next ping; one that is late is worth waking it for.
    pub(crate) fn answer(&self, now: Instant) {
        const LATE: Duration = Duration::from_millis(5);
        self.seats.sit();
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

    /// Tasks of the program: ours are not counted.
    pub(crate) fn active_tasks(&self) -> Option<usize> {
        let alive = self.with_open(|hold| hold.metrics.num_alive_tasks())?;
        Some(alive.saturating_sub(self.our_tasks.load(Ordering::Relaxed)))
    }

    pub(crate) fn task_of_ours_begins(&self) {
        self.our_tasks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn task_of_ours_ends(&self) {
        self.our_tasks.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn drill_begins(&self, worker: Option<usize>) {
        self.drilled
            .store(worker.map_or(0, |index| index + 1), Ordering::Release);
    }

    pub(crate) fn drill_ends(&self) {
        self.drilled.store(0, Ordering::Release);
    }

    /// The worker that a drill blocks at this moment.
    pub(crate) fn drilled(&self) -> Option<usize> {
        self.drilled.load(Ordering::Acquire).checked_sub(1)
    }

    /// A number that changes when this worker, or the future of `block_on`, comes or goes.
    pub(crate) fn movements(&self, worker: WorkerName) -> Option<u64> {
        match worker {
            WorkerName::Index(index) => {
                self.with_hold(|hold| hold.metrics.worker_park_unpark_count(index))
            }
            WorkerName::Main => Some(self.root.polls()),
            WorkerName::Driver | WorkerName::Shutdown => None,
        }
    }

    pub(crate) fn stalls(&self) -> MutexGuard<'_, StallBook> {
        self.stalls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`with_hold`](Self::with_hold), and `None` also while the runtime shuts down.
    fn with_open<R>(&self, read: impl FnOnce(&Hold) -> R) -> Option<R> {
        if self.is_closed() {
            return None;
        }
        self.with_hold(read)
    }

    /// Everything since the runtime was first monitored.
    pub(crate) fn snapshot(&self, now: Instant, host_lags: &Recorder) -> Snapshot {
        let waiting = self.waiting(now).map(|age| Waiting {
            age,
            counted: self.line.counted_waiting(now),
            interval: self.settings.interval,
        });
        let (queued, workers) = self
            .with_open(|Hold { metrics, .. }| {
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
            threads: self.hooked.as_ref().map(|hooked| hooked.threads.alive()),
            workers,
            stalls: self.stalls().read(),
            host_lag: host_lags.load(),
        }
    }
}
