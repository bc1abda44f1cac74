//! What stands between the watchdog and one sink.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};

use super::Sink;
use super::stderr::notice;
use crate::record::{Dropped, Record};

/// Four minutes of samples of one runtime.
const CAPACITY: usize = 256;

/// After an error the next event waits this long; twice as long after each further
/// one, up to the second. Events queue up meanwhile.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A bounded queue with a thread of its own that feeds one sink.
pub(crate) struct Queue {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    name: Arc<str>,
    lost: AtomicU64,
    state: Mutex<State>,
    /// The sink's thread waits here for events, others for it to have handled them.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    events: VecDeque<Arc<Record>>,
    /// One more is in the hands of the sink.
    delivering: bool,
    /// How many flushes were asked for, and are done; with the deadline of the last.
    flushes_wanted: u64,
    flushes_done: u64,
    until: Option<Instant>,
    /// No more events will come.
    closed: bool,
    /// The sink's thread is done.
    ended: bool,
}

/// What the sink's thread is to do next.
enum Work {
    Deliver(Arc<Record>),
    Flush(Instant),
    End(Instant),
}

impl Queue {
    /// Starts the thread. The caller sees to the signal mask.
    pub(crate) fn start(name: &str, sink: Box<dyn Sink>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            name: name.into(),
            lost: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let kind = name.split([':', '?']).next().unwrap_or(name);
        let feeder = Feeder {
            shared: Arc::clone(&shared),
            sink: Some(sink),
            pause: None,
        };
        let thread = thread::Builder::new()
            .name(format!("loopmon-{kind}"))
            .spawn(|| feeder.run())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues an event, or counts it as lost if the queue is full. The newest is
    /// lost: what led to the trouble is worth more than what followed.
    pub(crate) fn push(&self, record: &Arc<Record>) {
        let mut state = self.shared.lock();
        if state.events.len() < CAPACITY && !state.closed {
            state.events.push_back(Arc::clone(record));
            drop(state);
            self.shared.changed.notify_all();
        } else {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn dropped(&self) -> Option<Dropped> {
        let count = self.shared.lost.load(Ordering::Relaxed);
        (count > 0).then(|| Dropped {
            what: "event",
            from: Arc::clone(&self.shared.name),
            count,
        })
    }

    /// Asks the sink to pass on what was queued so far; returns at once.
    pub(crate) fn request_flush(&self, until: Instant) {
        let mut state = self.shared.lock();
        state.flushes_wanted += 1;
        state.until = Some(until);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Waits until all that was asked for is done, at most until `until`.
    pub(crate) fn wait_flushed(&self, until: Instant) {
        let wanted = self.shared.lock().flushes_wanted;
        self.shared
            .wait(until, |state| state.flushes_done >= wanted || state.ended);
    }

    /// Tells the thread to deliver what is queued and end; returns at once.
    pub(crate) fn close(&self, until: Instant) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.until = Some(until);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Waits for the thread to end, at most until `until`. A sink that never returns
    /// keeps its thread, and what is queued for it counts as lost.
    pub(crate) fn join(&self, until: Instant) {
        let ended = self.shared.wait(until, |state| state.ended);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if ended && let Some(thread) = thread {
            // The feeder catches the panics of its sink.
            let _ended = thread.join();
        } else if !ended {
            let mut state = self.shared.lock();
            // The one that hangs in the sink is as lost as those behind it.
            let left = mem::take(&mut state.events).len() + usize::from(state.delivering);
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            self.shared.lost.fetch_add(left, Ordering::Relaxed);
        }
        if let Some(Dropped { from, count, .. }) = self.dropped() {
            notice(&format!(
                "sink `{from}` lost {count} event{}",
                if count == 1 { "" } else { "s" }
            ));
        }
    }
}

impl Shared {
    /// No code of others runs under the lock, so it is never really poisoned.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `done`, at most until `until`; whether it came.
    fn wait(&self, until: Instant, done: impl Fn(&State) -> bool) -> bool {
        let mut state = self.lock();
        loop {
            if done(&state) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits for something to do. After an error, events wait for the end of the
    /// pause; a flush or the end of the program does not.
    fn next(&self, pause: Option<Instant>) -> Work {
        let mut state = self.lock();
        state.delivering = false;
        loop {
            let now = Instant::now();
            let until = state.until.unwrap_or(now);
            let hurried = state.closed || state.flushes_wanted > state.flushes_done;
            let paused = pause.filter(|pause| *pause > now && !hurried);
            if paused.is_none()
                && let Some(record) = state.events.pop_front()
            {
                state.delivering = true;
                return Work::Deliver(record);
            }
            if state.closed {
                return Work::End(until);
            }
            if hurried && state.events.is_empty() {
                return Work::Flush(until);
            }
            state = match paused {
                Some(paused) => {
                    let left = paused.saturating_duration_since(now);
                    self.changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

/// The thread of one sink.
struct Feeder {
    shared: Arc<Shared>,
    /// `None` once it has panicked: what it left behind can't be trusted.
    sink: Option<Box<dyn Sink>>,
    pause: Option<Pause>,
}

/// A series of errors.
struct Pause {
    until: Instant,
    length: Duration,
}

impl Feeder {
    fn run(mut self) {
        loop {
            match self
                .shared
                .next(self.pause.as_ref().map(|pause| pause.until))
            {
                Work::Deliver(record) => self.deliver(&record),
                Work::Flush(until) => {
                    self.call(|sink| sink.flush(until));
                    self.shared
                        .update(|state| state.flushes_done = state.flushes_wanted);
                }
                Work::End(until) => {
                    self.call(|sink| sink.flush(until));
                    self.call_drop();
                    return self.shared.update(|state| state.ended = true);
                }
            }
        }
    }

    fn deliver(&mut self, record: &Record) {
        // The error, too, is code of others: it is read and dropped under the same guard.
        let deliver = |sink: &mut dyn Sink| {
            let delivered = sink.event(&record.as_event());
            delivered.map_err(|error| error.to_string())
        };
        match self.call(deliver) {
            Some(Ok(())) => self.recovered(),
            Some(Err(error)) => self.failed(&error),
            None => _ = self.shared.lost.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Calls the sink; `None` if it has panicked, now or before.
    fn call<R>(&mut self, with: impl FnOnce(&mut dyn Sink) -> R) -> Option<R> {
        let sink = self.sink.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| with(sink.as_mut()))) {
            Ok(result) => Some(result),
            Err(panic) => {
                let name = &self.shared.name;
                notice(&format!(
                    "sink `{name}` panicked and is switched off: {}",
                    message(&*panic)
                ));
                // A panic's payload may panic when it is dropped.
                mem::forget(panic);
                self.call_drop();
                None
            }
        }
    }

    /// Drops the sink, which may panic as well.
    fn call_drop(&mut self) {
        let sink = self.sink.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(sink))) {
            mem::forget(panic);
        }
    }

    fn failed(&mut self, error: &str) {
        self.shared.lost.fetch_add(1, Ordering::Relaxed);
        let length = match &self.pause {
            None => {
                let name = &self.shared.name;
                notice(&format!(
                    "sink `{name}`: {error}; events are being lost, it is tried again"
                ));
                FIRST_PAUSE
            }
            Some(pause) => (pause.length * 2).min(LONGEST_PAUSE),
        };
        self.pause = Some(Pause {
            until: Instant::now() + length,
            length,
        });
    }

    fn recovered(&mut self) {
        if self.pause.take().is_some() {
            let lost = self.shared.lost.load(Ordering::Relaxed);
            notice(&format!(
                "sink `{}` works again; lost so far: {lost}",
                self.shared.name
            ));
        }
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
