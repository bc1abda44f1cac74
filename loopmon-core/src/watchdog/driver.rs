use std::time::{Duration, Instant};

use tokio::runtime::RuntimeFlavor;

use crate::registry::Watched;
use crate::stall::{Life, Mark, WorkerName};
use crate::sys::ThreadId;

/// Tokio's I/O and timer driver, which can keep a worker as a task can: a million
/// timers that are due at once. The worker counts as parked meanwhile. It shows by three
/// things together: all workers are parked and do not move, a ready event waits all the
/// same, and a thread of the runtime computes.
#[derive(Debug)]
pub(super) struct Driver {
    life: Life,
    tick: Duration,
    name: WorkerName,
    suspicion: Option<Suspicion>,
}

#[derive(Debug)]
struct Suspicion {
    since: Instant,
    /// What has not moved since.
    movements: u64,
    /// What the runtime's threads had computed by then.
    cpu_time: Duration,
}

impl Driver {
    pub(super) fn new(life: Life, tick: Duration, workers: usize) -> Self {
        let name = match workers {
            1 => WorkerName::Index(0),
            _ => WorkerName::Driver,
        };
        Self {
            life,
            tick,
            name,
            suspicion: None,
        }
    }

    pub(super) fn life_mut(&mut self) -> &mut Life {
        &mut self.life
    }

    pub(super) fn life(&self) -> &Life {
        &self.life
    }

    /// Whose stall it is when the driver hangs: Tokio does not tell which worker is in it.
    pub(super) fn name(&self) -> WorkerName {
        self.name
    }

    pub(super) fn is_suspected(&self) -> bool {
        self.suspicion.is_some()
    }

    /// What shows that the driver keeps a worker, if it does. An event has been `waiting`
    /// though all workers are parked.
    pub(super) fn mark(
        &mut self,
        now: Instant,
        waiting: Option<Duration>,
        movements: u64,
        watched: &Watched,
    ) -> Option<Mark> {
        // It takes a worker some time to wake.
        if waiting.is_none_or(|waiting| waiting < self.tick) {
            self.suspicion = None;
            return None;
        }
        let cpu_time = cpu_time(watched)?;
        let suspicion = self.suspicion.get_or_insert(Suspicion {
            since: now,
            movements,
            cpu_time,
        });
        let computed = cpu_time.saturating_sub(suspicion.cpu_time);
        let waited = now.saturating_duration_since(suspicion.since);
        if suspicion.movements != movements || computed < waited / 2 {
            self.suspicion = None;
            return None;
        }
        Some((movements, 0))
    }
}

/// What the threads that may be in the driver have computed; `None` where it can't be
/// known.
fn cpu_time(watched: &Watched) -> Option<Duration> {
    if watched.flavor == RuntimeFlavor::CurrentThread {
        return watched.root.thread()?.cpu_time();
    }
    let threads = &watched.hooked.as_ref()?.threads;
    Some(threads.ids().filter_map(ThreadId::cpu_time).sum())
}
