//! What a program is told of stalls, and when it hears of it.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use loopmon::{Cause, Event, Monitor, MonitorBuilder, Phase, Sink, SinkError, Stall, WorkerName};

/// One stall, as its records told it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    id: u64,
    pub(crate) runtime: Arc<str>,
    pub(crate) worker: WorkerName,
    pub(crate) cause: Cause,
    /// When the first record was heard: on the thread of a sink, where a pager would hear it.
    pub(crate) heard: Instant,
    /// By that record it had begun by then.
    pub(crate) began_by: Instant,
    /// What that record said: at least and at most.
    pub(crate) first: (Duration, Duration),
    pub(crate) duration: Duration,
    pub(crate) duration_error: Duration,
    pub(crate) ended: bool,
    /// The most that a record of it said.
    pub(crate) lag: Option<Duration>,
}

impl Told {
    fn new(stall: &Stall, heard: Instant) -> Self {
        let at_least = stall.duration.saturating_sub(stall.duration_error);
        Self {
            id: stall.id,
            runtime: Arc::clone(&stall.runtime),
            worker: stall.worker,
            cause: stall.cause,
            heard,
            began_by: heard.checked_sub(at_least).unwrap_or(heard),
            first: (at_least, stall.duration),
            duration: stall.duration,
            duration_error: stall.duration_error,
            ended: false,
            lag: stall.lag,
        }
    }

    fn go_on(&mut self, stall: &Stall) {
        self.duration = stall.duration;
        self.duration_error = stall.duration_error;
        self.ended = stall.phase == Phase::Ended;
        self.lag = self.lag.max(stall.lag);
    }

    pub(crate) fn at_least(&self) -> Duration {
        self.duration.saturating_sub(self.duration_error)
    }
}

/// A sink that keeps what it hears of stalls. Clones hear the same.
#[derive(Clone, Default)]
pub(crate) struct Witness(Arc<Mutex<Vec<Told>>>);

impl Sink for Witness {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let heard = Instant::now();
        if let Event::Stall(stall) = event {
            self.hear(stall, heard);
        }
        Ok(())
    }
}

impl Witness {
    /// loopmon with its defaults, which this witness listens to.
    pub(crate) fn monitor(&self) -> MonitorBuilder {
        Monitor::builder().sink(self.clone())
    }

    fn hear(&self, stall: &Stall, heard: Instant) {
        let mut told = self.0.lock().expect("no listener panics");
        match told.iter_mut().find(|told| told.id == stall.id) {
            Some(told) => told.go_on(stall),
            None => told.push(Told::new(stall, heard)),
        }
    }

    /// All that was told since the last call. Waits a moment for the end of what lasts.
    pub(crate) fn take(&self) -> Vec<Told> {
        const PATIENCE: u32 = 50;
        for _ in 0..PATIENCE {
            thread::sleep(Duration::from_millis(2));
            let told = self.0.lock().expect("no listener panics");
            if told.iter().all(|told| told.ended) {
                break;
            }
        }
        std::mem::take(&mut self.0.lock().expect("no listener panics"))
    }
}
