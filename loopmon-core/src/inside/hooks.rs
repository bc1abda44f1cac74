use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Builder;

/// A callback of the program.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// The threads that a runtime has started and not stopped: workers and those for
/// blocking work. Static data of one word, so that a hook keeps no runtime alive.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadCount(Arc<AtomicUsize>);

impl ThreadCount {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the program wants to be called for. Tokio keeps one callback a hook, so
/// ours and the program's have to share it.
#[derive(Clone, Default)]
pub(crate) struct UserHooks {
    pub(crate) thread_start: Option<Hook>,
    pub(crate) thread_stop: Option<Hook>,
}

impl UserHooks {
    /// Sets the hooks of `builder`: ours, and the program's inside ours.
    pub(crate) fn install(self, builder: &mut Builder) -> ThreadCount {
        let threads = ThreadCount::default();
        let ThreadCount(count) = threads.clone();
        builder.on_thread_start(move || {
            count.fetch_add(1, Ordering::Relaxed);
            if let Some(hook) = &self.thread_start {
                hook();
            }
        });
        let ThreadCount(count) = threads.clone();
        builder.on_thread_stop(move || {
            if let Some(hook) = &self.thread_stop {
                hook();
            }
            count.fetch_sub(1, Ordering::Relaxed);
        });
        threads
    }

    /// Sets the program's hooks only, where loopmon is switched off.
    pub(crate) fn pass_on(self, builder: &mut Builder) {
        if let Some(hook) = self.thread_start {
            builder.on_thread_start(move || hook());
        }
        if let Some(hook) = self.thread_stop {
            builder.on_thread_stop(move || hook());
        }
    }

    /// The hooks that `builder` already has and [`install`](Self::install) would
    /// replace. Tokio shows them only in its debugging output.
    pub(crate) fn taken(builder: &Builder) -> Option<&'static str> {
        let shown = format!("{builder:?}");
        [
            ("after_start", "on_thread_start"),
            ("before_stop", "on_thread_stop"),
        ]
        .into_iter()
        .find(|(field, _)| shown.contains(&format!("{field}: Some")))
        .map(|(_, hook)| hook)
    }
}

impl fmt::Debug for UserHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserHooks")
            .field("thread_start", &self.thread_start.is_some())
            .field("thread_stop", &self.thread_stop.is_some())
            .finish()
    }
}
