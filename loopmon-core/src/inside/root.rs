use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::registry::Watched;
use crate::sys::ThreadId;

/// The future given to `block_on`, as the watchdog sees it. On a multi-thread runtime
/// it runs on no worker, so no metric tells of it; on a current-thread runtime its
/// presence tells that the runtime is being driven.
#[derive(Debug, Default)]
pub(crate) struct Root {
    /// Odd while it is being polled.
    polls: AtomicU64,
    present: AtomicBool,
    /// The thread that it runs on.
    thread: AtomicU32,
}

impl Root {
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    pub(crate) fn is_present(&self) -> bool {
        self.present.load(Ordering::Acquire)
    }

    pub(crate) fn thread(&self) -> Option<ThreadId> {
        ThreadId::from_word(self.thread.load(Ordering::Relaxed))
    }

    /// Until the result is dropped, this thread drives the runtime; `None` if another
    /// does so already.
    pub(crate) fn enter(&self) -> Option<Entered<'_>> {
        let entered = !self.present.swap(true, Ordering::AcqRel);
        entered.then(|| {
            let id = ThreadId::current().map_or(0, ThreadId::word);
            self.thread.store(id, Ordering::Relaxed);
            Entered(self)
        })
    }
}

/// As long as this lives, the runtime is being driven.
#[derive(Debug)]
pub(crate) struct Entered<'a>(&'a Root);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.present.store(false, Ordering::Release);
    }
}

/// Runs `future` so that the watchdog sees when it is being polled.
pub(crate) async fn watch_root<F: Future>(watched: Arc<Watched>, future: F) -> F::Output {
    let mut future = pin!(future);
    let Some(_entered) = watched.enter_root() else {
        return future.await;
    };
    poll_fn(|context| {
        let _polling = Polling::begin(&watched);
        future.as_mut().poll(context)
    })
    .await
}

/// One poll, which may end in a panic.
struct Polling<'a>(&'a Root);

impl<'a> Polling<'a> {
    fn begin(watched: &'a Watched) -> Self {
        let root = &watched.root;
        // Only this thread writes, so no addition has to be atomic.
        root.polls.store(root.polls() + 1, Ordering::Relaxed);
        if let Some(hooked) = &watched.hooked {
            hooked.active();
        }
        Self(root)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.polls.store(self.0.polls() + 1, Ordering::Relaxed);
    }
}
