use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::sys::ThreadId;

/// Workers, and as many threads for blocking work as are usual.
const SLOTS: usize = 256;

/// The threads that a runtime has started and not stopped: workers and those for
/// blocking work. Of fixed size, so that nothing is allocated when threads come and go;
/// those that find no slot are counted all the same.
#[derive(Debug)]
pub(crate) struct Threads {
    started: AtomicUsize,
    stopped: AtomicUsize,
    /// The operating system's names of them; 0 in a slot that is free.
    ids: [AtomicU32; SLOTS],
}

impl Threads {
    pub(crate) fn new() -> Self {
        Self {
            started: AtomicUsize::new(0),
            stopped: AtomicUsize::new(0),
            ids: [const { AtomicU32::new(0) }; SLOTS],
        }
    }

    /// Called by a thread when it starts.
    pub(crate) fn start(&self) {
        if let Some(id) = ThreadId::current() {
            self.replace(0, id.word());
        }
        self.started.fetch_add(1, Ordering::Release);
    }

    /// Called by a thread right before it stops.
    pub(crate) fn stop(&self) {
        if let Some(id) = ThreadId::current() {
            self.replace(id.word(), 0);
        }
        self.stopped.fetch_add(1, Ordering::Release);
    }

    fn replace(&self, old: u32, new: u32) {
        // The first slot that holds the old word. One look at each: it is found in the
        // first few.
        let _no_slot = self.ids.iter().find(|id| {
            id.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        });
    }

    /// How many have ever started.
    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::Acquire)
    }

    /// How many are there now.
    pub(crate) fn alive(&self) -> usize {
        // In this order: a thread stops after it has started.
        let stopped = self.stopped.load(Ordering::Acquire);
        self.started().saturating_sub(stopped)
    }

    /// Those that have a slot.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ThreadId> + '_ {
        self.ids
            .iter()
            .filter_map(|id| ThreadId::from_word(id.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn more_threads_than_slots_are_counted_all_the_same() {
        let (threads, all) = (Threads::new(), SLOTS + 10);
        let meet = Barrier::new(all + 1);
        std::thread::scope(|scope| {
            for _ in 0..all {
                scope.spawn(|| {
                    threads.start();
                    meet.wait();
                    meet.wait();
                    threads.stop();
                });
            }
            meet.wait();
            assert_eq!((threads.started(), threads.alive()), (all, all));
            assert!(threads.ids().count() <= SLOTS);
            meet.wait();
        });
        assert_eq!((threads.started(), threads.alive()), (all, 0));
        assert_eq!(threads.ids().count(), 0, "the slots are free again");
    }
}
