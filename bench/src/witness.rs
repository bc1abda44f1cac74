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
    /// When the first record was made. A sink hears of it later, if the machine keeps its
    /// thread: that is not the watchdog's doing.
    pub(crate) made: Instant,
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
    fn new(stall: &Stall, made: Instant) -> Self {
        let at_least = stall.duration.saturating_sub(stall.duration_error);
        Self {
            id: stall.id,
            runtime: Arc::clone(&stall.runtime),
            worker: stall.worker,
            cause: stall.cause,
            made,
            began_by: made.checked_sub(at_least).unwrap_or(made),
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
        let now = Instant::now();
        if let Event::Stall(stall) = event {
            let on_its_way = stall.at.wall.elapsed().unwrap_or_default();
            self.hear(stall, now.checked_sub(on_its_way).unwrap_or(now));
        }
        Ok(())
    }
}

impl Witness {
    /// loopmon with its defaults, which this witness listens to.
    pub(crate) fn monitor(&self) -> MonitorBuilder {
        Monitor::builder().sink(self.clone())
    }

    fn hear(&self, stall: &Stall, made: Instant) {
        let mut told = self.0.lock().expect("no listener panics");
        match told.iter_mut().find(|told| told.id == stall.id) {
            Some(told) => told.go_on(stall),
            None => told.push(Told::new(stall, made)),
        }
    }

    /// All that was told since the last call. Waits a moment for the end of what lasts, and
    /// for a watchdog that the machine has kept to wake and to note how late it is.
    pub(crate) fn take(&self) -> Vec<Told> {
        const PATIENCE: u32 = 50;
        const FOR_ALL: Duration = Duration::from_millis(30);
        thread::sleep(FOR_ALL);
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
