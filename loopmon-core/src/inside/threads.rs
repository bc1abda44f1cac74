use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::sys::{ThreadId, own_stack};

/// Workers, and as many threads for blocking work as are usual.
const SLOTS: usize = 256;

/// The threads that a runtime has started and not stopped: workers and those for
/// blocking work. Of fixed size, so that nothing is allocated when threads come and go;
/// those that find no slot are counted all the same.
#[derive(Debug)]
pub(crate) struct Threads {
    started: AtomicUsize,
    stopped: AtomicUsize,
    slots: [Slot; SLOTS],
}

/// One thread.
#[derive(Debug)]
struct Slot {
    /// The operating system's name of it; 0 if the slot is free.
    id: AtomicU32,
    /// Where its stack lies; both are 0 if that is not known.
    stack_start: AtomicU64,
    stack_end: AtomicU64,
}

impl Threads {
    pub(crate) fn new() -> Self {
        Self {
            started: AtomicUsize::new(0),
            stopped: AtomicUsize::new(0),
            slots: [const { Slot::new() }; SLOTS],
        }
    }

    /// Called by a thread when it starts.
    pub(crate) fn start(&self) {
        if let Some(id) = ThreadId::current()
            && let Some(slot) = self.slots.iter().find(|slot| slot.replace(0, id.word()))
        {
            slot.note_stack(own_stack().unwrap_or(0..0));
        }
        self.started.fetch_add(1, Ordering::Release);
    }

    /// Called by a thread right before it stops.
    pub(crate) fn stop(&self) {
        if let Some(id) = ThreadId::current()
            && let Some(slot) = self.slot(id)
        {
            // The slot's next thread must not be taken to have this stack.
            slot.note_stack(0..0);
            slot.replace(id.word(), 0);
        }
        self.stopped.fetch_add(1, Ordering::Release);
    }

    /// Found in the first few.
    fn slot(&self, id: ThreadId) -> Option<&Slot> {
        let mut slots = self.slots.iter();
        slots.find(|slot| slot.id.load(Ordering::Acquire) == id.word())
    }

    /// Where the stack of `thread` lies, if it is one of these and has told.
    pub(crate) fn stack(&self, thread: ThreadId) -> Option<Range<u64>> {
        let slot = self.slot(thread)?;
        let stack = slot.stack();
        // Still its slot, so what was read is not of the next thread.
        let is_its = slot.id.load(Ordering::Acquire) == thread.word();
        let is_known = stack.start != 0 && !stack.is_empty();
        (is_its && is_known).then_some(stack)
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
        self.slots
            .iter()
            .filter_map(|slot| ThreadId::from_word(slot.id.load(Ordering::Relaxed)))
    }
}

impl Slot {
    const fn new() -> Self {
        Self {
            id: AtomicU32::new(0),
            stack_start: AtomicU64::new(0),
            stack_end: AtomicU64::new(0),
        }
    }

    fn replace(&self, old: u32, new: u32) -> bool {
        self.id
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// The end is there last and goes first, so that a reader who finds both finds both
    /// of one stack.
    fn note_stack(&self, stack: Range<u64>) {
        self.stack_end.store(0, Ordering::Release);
        self.stack_start.store(stack.start, Ordering::Release);
        self.stack_end.store(stack.end, Ordering::Release);
    }

    fn stack(&self) -> Range<u64> {
        let end = self.stack_end.load(Ordering::Acquire);
        self.stack_start.load(Ordering::Acquire)..end
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

    #[test]
    #[cfg(all(
        feature = "stacks",
        target_os = "linux",
        target_arch = "x86_64",
        not(loopmon_portable)
    ))]
    fn the_stack_of_a_thread_is_known_while_it_runs_and_never_that_of_another() {
        let threads = Threads::new();
        let own = || {
            let id = ThreadId::current().unwrap();
            let before = threads.stack(id);
            threads.start();
            let stack = threads.stack(id);
            threads.stop();
            (before, stack, own_stack(), threads.stack(id))
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let (before, stack, truth, after) = scope.spawn(own).join().unwrap();
                assert_eq!((before, after), (None, None));
                assert!(stack.is_some());
                assert_eq!(stack, truth);
            }
        });
    }
}
