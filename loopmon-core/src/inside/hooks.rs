use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Instant;

use tokio::runtime::Builder;

use super::{Doze, Seats, Threads};
use crate::clock::Nanos;

/// A callback of the program.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// What the hooks of one runtime share with the watchdog. It keeps no runtime alive.
#[derive(Debug)]
pub(crate) struct Hooked {
    pub(crate) threads: Threads,
    pub(crate) seats: Arc<Seats>,
    pub(crate) doze: Doze,
    /// When somebody became active who found the watchdog asleep; 0 before.
    woken: AtomicU64,
    /// Set when the runtime is watched; its threads may run before.
    pub(crate) watchdog: OnceLock<Thread>,
}

impl Hooked {
    fn new() -> Self {
        Self {
            threads: Threads::new(),
            seats: Arc::new(Seats::new()),
            doze: Doze::new(),
            woken: AtomicU64::new(0),
            watchdog: OnceLock::new(),
        }
    }

    /// Called by a thread that has just said that it is active.
    pub(crate) fn active(&self) {
        if self.doze.is_asleep() {
            self.wake_watchdog();
        }
    }

    #[cold]
    fn wake_watchdog(&self) {
        // Read first: nobody can have been active before it and not have found the
        // watchdog asleep.
        let now = Nanos::at(Instant::now());
        if self.doze.end() {
            self.woken.store(now.word(), Ordering::Release);
            if let Some(watchdog) = self.watchdog.get() {
                watchdog.unpark();
            }
        }
    }

    /// Called by the watchdog when it is awake again. Until this instant nobody was
    /// active; `now` if nobody is.
    pub(crate) fn quiet_until(&self, now: Instant) -> Instant {
        if self.doze.end() {
            return now;
        }
        let woken = Nanos::from_word(self.woken.load(Ordering::Acquire));
        woken.map_or(now, Nanos::instant).min(now)
    }
}

/// What the program wants to be called for. Tokio keeps one callback a hook, so
/// ours and the program's have to share it.
#[derive(Clone, Default)]
pub(crate) struct UserHooks {
    pub(crate) start: Option<Hook>,
    pub(crate) stop: Option<Hook>,
    pub(crate) unpark: Option<Hook>,
}

impl UserHooks {
    /// Sets the hooks of `builder`: ours, and the program's inside ours.
    pub(crate) fn install(self, builder: &mut Builder) -> Arc<Hooked> {
        let Self {
            start,
            stop,
            unpark,
        } = self;
        let shared = Arc::new(Hooked::new());
        let hooked = Arc::clone(&shared);
        builder.on_thread_start(move || {
            // However long that takes, until then the thread runs no worker.
            call(start.as_ref());
            hooked.threads.start();
        });
        let hooked = Arc::clone(&shared);
        builder.on_thread_stop(move || {
            call(stop.as_ref());
            hooked.threads.stop();
            hooked.active();
        });
        let hooked = Arc::clone(&shared);
        builder.on_thread_unpark(move || {
            // Tokio has stored the worker's new parity right before.
            hooked.active();
            hooked.seats.sit();
            call(unpark.as_ref());
        });
        shared
    }

    /// Sets the program's hooks only, where loopmon is switched off.
    pub(crate) fn pass_on(self, builder: &mut Builder) {
        if let Some(hook) = self.start {
            builder.on_thread_start(move || hook());
        }
        if let Some(hook) = self.stop {
            builder.on_thread_stop(move || hook());
        }
        if let Some(hook) = self.unpark {
            builder.on_thread_unpark(move || hook());
        }
    }

    /// The hooks that `builder` already has and [`install`](Self::install) would
    /// replace. Tokio shows them only in its debugging output.
    pub(crate) fn taken(builder: &Builder) -> Option<&'static str> {
        let shown = format!("{builder:?}");
        [
            ("after_start", "on_thread_start"),
            ("before_stop", "on_thread_stop"),
            ("after_unpark", "on_thread_unpark"),
        ]
        .into_iter()
        .find(|(field, _)| shown.contains(&format!("{field}: Some")))
        .map(|(_, hook)| hook)
    }
}

fn call(hook: Option<&Hook>) {
    if let Some(hook) = hook {
        hook();
    }
}

impl fmt::Debug for UserHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserHooks")
            .field("start", &self.start.is_some())
            .field("stop", &self.stop.is_some())
            .field("unpark", &self.unpark.is_some())
            .finish()
    }
}
