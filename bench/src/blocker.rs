//! Code that keeps a thread of the runtime for a known time.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::truth::{Notes, Truth};

/// How the thread is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It sleeps.
    Sleep,
    /// It computes.
    Spin,
    /// It waits for a lock that another thread holds.
    Lock,
    /// It reads from a pipe that another thread writes to.
    Read,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Sleep, Self::Spin, Self::Lock, Self::Read];

    /// May be inlined into the task, as the code of users may.
    fn block(self, length: Duration) {
        match self {
            Self::Sleep => std::thread::sleep(length),
            Self::Spin => spin(length),
            Self::Lock => wait_for_lock(length),
            Self::Read => read_from_pipe(length),
        }
    }
}

/// Where the thread is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a task.
    Task,
    /// In the future that `block_on` runs.
    Root,
}

/// Blocks the calling thread and notes the truth.
pub(crate) fn block(kind: Kind, place: Place, length: Duration, notes: &Notes) {
    let worker = tokio::runtime::worker_index();
    let started = Instant::now();
    kind.block(length);
    let ended = Instant::now();
    notes.take(Truth {
        kind,
        place,
        worker,
        started,
        ended,
        around: None,
    });
}

/// Blocks the worker `worker` of `workers` in a task, at once; whether it could. A
/// task can't choose its worker, so each worker is given one, and the right one stays.
pub(crate) async fn block_worker(
    worker: usize,
    workers: usize,
    kind: Kind,
    length: Duration,
    notes: &Notes,
) -> bool {
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        let arrived = Arc::new(AtomicUsize::new(0));
        let attempts: Vec<_> = (0..workers)
            .map(|_| {
                let (arrived, notes) = (Arc::clone(&arrived), notes.clone());
                tokio::spawn(async move {
                    let here = tokio::runtime::worker_index() == Some(worker);
                    let blocks = meet(&arrived, workers) && here;
                    if blocks {
                        block(kind, Place::Task, length, &notes);
                    }
                    blocks
                })
            })
            .collect();
        let mut blocked = false;
        for attempt in attempts {
            blocked |= attempt.await.unwrap_or(false);
        }
        if blocked {
            return true;
        }
    }
    false
}

/// Keeps this worker until all have arrived here; whether they did.
fn meet(arrived: &AtomicUsize, all: usize) -> bool {
    const PATIENCE: Duration = Duration::from_millis(20);
    arrived.fetch_add(1, Ordering::Relaxed);
    let start = Instant::now();
    while arrived.load(Ordering::Relaxed) < all {
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

fn spin(length: Duration) {
    let end = Instant::now() + length;
    let mut sum = 0_u64;
    while Instant::now() < end {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
    }
}

fn wait_for_lock(length: Duration) {
    let (lock, (taken, is_taken)) = (Mutex::new(()), std::sync::mpsc::channel());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _held = lock.lock();
            let _heard = taken.send(());
            std::thread::sleep(length);
        });
        let _taken = is_taken.recv();
        drop(lock.lock());
    });
}

fn read_from_pipe(length: Duration) {
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(length);
            writer.write_all(&[1]).expect("the reader waits");
        });
        reader.read_exact(&mut [0]).expect("the writer writes");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_blocks_for_at_least_its_length_and_says_so() {
        let (notes, length) = (Notes::new(Kind::ALL.len()), Duration::from_millis(20));
        for kind in Kind::ALL {
            let before = Instant::now();
            block(kind, Place::Root, length, &notes);
            assert!(before.elapsed() >= length, "{kind:?}");
        }
        let truths = notes.read();
        assert_eq!(truths.len(), Kind::ALL.len());
        assert!(
            truths
                .iter()
                .all(|truth| truth.length() >= length && truth.worker.is_none())
        );
    }

    #[test]
    fn the_chosen_worker_is_the_one_that_blocks() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .build()
            .unwrap();
        let notes = Notes::new(4);
        runtime.block_on(async {
            for worker in 0..4 {
                assert!(
                    block_worker(worker, 4, Kind::Sleep, Duration::from_millis(5), &notes).await
                );
            }
        });
        let workers: Vec<_> = notes.read().iter().map(|truth| truth.worker).collect();
        assert_eq!(workers, [Some(0), Some(1), Some(2), Some(3)]);
    }
}
