use crate::sync::{AtomicBool, Ordering, fence};

/// How the watchdog sleeps while nothing happens, and misses nothing.
///
/// Two threads tell each other something in opposite directions: a worker that it is
/// active, the watchdog that it sleeps. Each first says its own word, then looks at
/// the other's. Without a fence in between, both may look before either word is
/// visible: the watchdog goes to sleep and nobody wakes it. With a fence on both
/// sides, at least one sees the other's word.
#[derive(Debug)]
pub(crate) struct Doze {
    asleep: AtomicBool,
}

impl Doze {
    pub(crate) fn new() -> Self {
        Self {
            asleep: AtomicBool::new(false),
        }
    }

    /// Called by a thread that has just said that it is active: whether the watchdog
    /// sleeps.
    pub(crate) fn is_asleep(&self) -> bool {
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed)
    }

    /// Ends the sleep. Of all who try, one has done it.
    pub(crate) fn end(&self) -> bool {
        self.asleep.swap(false, Ordering::AcqRel)
    }

    /// Called by the watchdog, which has seen nobody active. It may sleep if this is
    /// true: then whoever becomes active wakes it. `quiet` looks once more.
    pub(crate) fn begin(&self, quiet: impl FnOnce() -> bool) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        quiet() || {
            self.asleep.store(false, Ordering::Relaxed);
            false
        }
    }
}
