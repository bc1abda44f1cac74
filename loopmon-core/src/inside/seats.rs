use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::ThreadId;

/// More workers than this have no seat, and their threads are looked for.
const SEATS: usize = 256;

/// On which thread each worker was last seen. A hint and no more: a worker has no seat
/// before it was seen, and after `block_in_place` it goes on on another thread. Whoever
/// uses it checks.
#[derive(Debug)]
pub(crate) struct Seats([AtomicU32; SEATS]);

impl Seats {
    pub(crate) fn new() -> Self {
        Self([const { AtomicU32::new(0) }; SEATS])
    }

    /// Called by a thread of the runtime: notes whose it is at the moment.
    pub(crate) fn sit(&self) {
        if let Some(worker) = tokio::runtime::worker_index()
            && let Some(thread) = ThreadId::current()
        {
            self.note(worker, thread);
        }
    }

    /// `thread` was seen to be this worker's.
    pub(crate) fn note(&self, worker: usize, thread: ThreadId) {
        if let Some(seat) = self.0.get(worker)
            && seat.load(Ordering::Relaxed) != thread.word()
        {
            seat.store(thread.word(), Ordering::Relaxed);
        }
    }

    /// Where the worker was seen last.
    pub(crate) fn of(&self, worker: usize) -> Option<ThreadId> {
        ThreadId::from_word(self.0.get(worker)?.load(Ordering::Relaxed))
    }

    /// Who was seen there last.
    pub(crate) fn whose(&self, thread: ThreadId) -> Option<usize> {
        let mut seats = self.0.iter();
        seats.position(|seat| seat.load(Ordering::Relaxed) == thread.word())
    }

    /// All threads that were ever seen to be a worker's, and still have the last seat.
    pub(crate) fn threads(&self) -> impl Iterator<Item = ThreadId> + '_ {
        let words = self.0.iter().map(|seat| seat.load(Ordering::Relaxed));
        words.filter_map(ThreadId::from_word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_has_whoever_sat_there_last() {
        let (seats, runtime) = (Seats::new(), tokio::runtime::Builder::new_current_thread());
        let mut runtime = runtime;
        let runtime = runtime.build().unwrap();
        seats.sit();
        assert_eq!(seats.threads().count(), 0, "this is no worker's thread");
        runtime.block_on(async { seats.sit() });
        let here = ThreadId::current().unwrap();
        assert_eq!((seats.of(0), seats.whose(here)), (Some(here), Some(0)));
        let there = std::thread::spawn(ThreadId::current)
            .join()
            .unwrap()
            .unwrap();
        seats.note(0, there);
        assert_eq!((seats.of(0), seats.whose(here)), (Some(there), None));
    }

    #[test]
    fn a_worker_beyond_the_last_seat_has_none() {
        let seats = Seats::new();
        seats.note(SEATS, ThreadId::current().unwrap());
        assert_eq!((seats.of(SEATS), seats.threads().count()), (None, 0));
    }
}
