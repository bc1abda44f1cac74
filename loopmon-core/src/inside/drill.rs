use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::registry::Watched;

/// Blocks the worker that runs it, once, because the operator asked for it: the way
/// from here to the pager is proved by using it.
pub(crate) fn drill(watched: Arc<Watched>, length: Duration) -> impl Future<Output = ()> {
    let drilling = Drilling::new(watched);
    async move {
        drilling.0.drill_begins(tokio::runtime::worker_index());
        thread::sleep(length);
        drop(drilling);
    }
}

/// Lives as long as the task, also if the runtime drops it unrun.
struct Drilling(Arc<Watched>);

impl Drilling {
    fn new(watched: Arc<Watched>) -> Self {
        watched.task_of_ours_begins();
        Self(watched)
    }
}

impl Drop for Drilling {
    fn drop(&mut self) {
        self.0.drill_ends();
        self.0.task_of_ours_ends();
    }
}
