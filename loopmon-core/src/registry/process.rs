use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use tokio::runtime;

use super::Watched;
use crate::config::{Config, Invalid, SinkSpec};
use crate::error::StartError;
use crate::histogram::Recorder;
use crate::record::{Dropped, Record};
use crate::sink::{self, Queue, Sink};
use crate::sys::with_signals_blocked;
use crate::watchdog::{Subject, Watchdog};

/// The process that is monitored at present, if one is. It begins with the first
/// runtime and ends with the last; then another may begin, with other sinks.
static CURRENT: Mutex<Option<Arc<Process>>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The watchdog's thread, the sinks, and the runtimes that share them.
pub(crate) struct Process {
    specs: Vec<SinkSpec>,
    queues: Vec<Queue>,
    flush: Duration,
    pub(crate) host_lags: Recorder,
    stalls: AtomicU64,
    questions: AtomicU64,
    watched: Mutex<Vec<Arc<Watched>>>,
    /// Runtimes that the watchdog has not met yet.
    arrivals: Mutex<Vec<Subject>>,
    /// The watchdog's thread has nothing left to do.
    finished: Mutex<bool>,
    /// Signalled when a runtime has ended, or the whole process.
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Process {
    /// Begins to watch one more runtime. `subject` makes it, given a name that no other
    /// runtime has, the watchdog's thread, and whether it is the first; it runs under a lock, so it must
    /// not run code of the program.
    pub(crate) fn watch(
        config: &Config,
        sinks: Vec<Box<dyn Sink>>,
        handle: &runtime::Handle,
        subject: impl FnOnce(Arc<str>, Thread, bool) -> Subject,
    ) -> Result<(Arc<Self>, Arc<Watched>), StartError> {
        let mut current = lock(&CURRENT);
        let process = match current.as_ref() {
            Some(process) => {
                process.check_joining(config, &sinks, handle)?;
                Arc::clone(process)
            }
            None => Self::start(config, sinks)?,
        };
        let thread = lock(&process.thread)
            .as_ref()
            .map(|join| join.thread().clone());
        let thread = thread.ok_or_else(|| StartError::Thread(io::ErrorKind::Other.into()))?;
        let name = unique_name(handle.name(), &lock(&process.watched));
        let subject = subject(name, thread.clone(), current.is_none());
        let watched = Arc::clone(&subject.watched);
        lock(&process.watched).push(Arc::clone(&watched));
        lock(&process.arrivals).push(subject);
        thread.unpark();
        *current = Some(Arc::clone(&process));
        Ok((process, watched))
    }

    /// The runtime with this id, if it is watched.
    pub(crate) fn find(id: runtime::Id) -> Option<(Arc<Self>, Arc<Watched>)> {
        let process = Arc::clone(lock(&CURRENT).as_ref()?);
        let watched = lock(&process.watched)
            .iter()
            .find(|w| w.id == id && !w.is_closed())
            .cloned();
        watched.map(|watched| (process, watched))
    }

    fn start(config: &Config, custom: Vec<Box<dyn Sink>>) -> Result<Arc<Self>, StartError> {
        let specs = config.sinks.clone();
        let mut sinks = Vec::new();
        for spec in &specs {
            let opened = sink::open(spec);
            sinks.push((
                spec.to_string(),
                opened.map_err(|why| Invalid::sink(spec, &why))?,
            ));
        }
        for (number, sink) in custom.into_iter().enumerate() {
            sinks.push((format!("custom-{}", number + 1), sink));
        }
        if sinks.is_empty() {
            let auto = sink::open(&SinkSpec::Auto);
            sinks.push((
                "auto".to_owned(),
                auto.map_err(|why| Invalid::sink(&SinkSpec::Auto, &why))?,
            ));
        }
        with_signals_blocked(|| Self::spawn(specs, sinks, config.flush)).map_err(StartError::Thread)
    }

    fn spawn(
        specs: Vec<SinkSpec>,
        sinks: Vec<(String, Box<dyn Sink>)>,
        flush: Duration,
    ) -> io::Result<Arc<Self>> {
        let mut queues = Vec::new();
        for (name, sink) in sinks {
            match Queue::start(&name, sink) {
                Ok(queue) => queues.push(queue),
                Err(error) => {
                    end(&queues, flush);
                    return Err(error);
                }
            }
        }
        let process = Arc::new(Self::new(specs, queues, flush));
        let watchdog = Watchdog::new(Arc::clone(&process));
        let thread = thread::Builder::new()
            .name("loopmon-watchdog".to_owned())
            .spawn(|| watchdog.run())
            .inspect_err(|_| end(&process.queues, flush))?;
        *lock(&process.thread) = Some(thread);
        Ok(process)
    }

    fn new(specs: Vec<SinkSpec>, queues: Vec<Queue>, flush: Duration) -> Self {
        Self {
            specs,
            queues,
            flush,
            host_lags: Recorder::new(),
            stalls: AtomicU64::new(0),
            questions: AtomicU64::new(0),
            watched: Mutex::default(),
            arrivals: Mutex::default(),
            finished: Mutex::new(false),
            changed: Condvar::new(),
            thread: Mutex::new(None),
        }
    }

    /// Whether a runtime that asks for these settings may share the process.
    fn check_joining(
        &self,
        config: &Config,
        custom: &[Box<dyn Sink>],
        handle: &runtime::Handle,
    ) -> Result<(), StartError> {
        let watched = lock(&self.watched);
        if let Some(same) = watched
            .iter()
            .find(|w| w.id == handle.id() && !w.is_closed())
        {
            return Err(StartError::AlreadyMonitored(same.name.to_string()));
        }
        let same_sinks = config.sinks.is_empty() || config.sinks == self.specs;
        if custom.is_empty() && same_sinks {
            Ok(())
        } else {
            Err(StartError::SinksFixed)
        }
    }

    pub(crate) fn take_arrivals(&self) -> Vec<Subject> {
        std::mem::take(&mut *lock(&self.arrivals))
    }

    /// Called by the watchdog when it has told the end of `watched`.
    pub(crate) fn forget(&self, watched: &Arc<Watched>) {
        lock(&self.watched).retain(|other| !Arc::ptr_eq(other, watched));
        self.changed.notify_all();
    }

    /// Called by the watchdog when it has no runtime left: ends the process, unless
    /// a runtime arrives at this moment.
    pub(crate) fn finish(self: &Arc<Self>) -> bool {
        {
            let mut current = lock(&CURRENT);
            if !lock(&self.watched).is_empty() {
                return false;
            }
            if current
                .as_ref()
                .is_some_and(|process| Arc::ptr_eq(process, self))
            {
                *current = None;
            }
        }
        end(&self.queues, self.flush);
        *lock(&self.finished) = true;
        self.changed.notify_all();
        true
    }

    /// A number that no other question about a worker has.
    pub(crate) fn next_question(&self) -> u64 {
        self.questions.fetch_add(1, Ordering::Relaxed)
    }

    /// A number that no other stall of the process has: 1, 2, 3 …
    pub(crate) fn next_stall(&self) -> u64 {
        self.stalls.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn push(&self, record: Record) {
        let record = Arc::new(record);
        for queue in &self.queues {
            queue.push(&record);
        }
    }

    /// What was lost so far, by the sinks and in `watched`.
    pub(crate) fn dropped(&self, watched: &Watched) -> Vec<Dropped> {
        let lost = watched.line.lost();
        let answers = (lost > 0).then(|| Dropped {
            what: "answer",
            from: Arc::clone(&watched.name),
            count: lost,
        });
        self.queues
            .iter()
            .filter_map(Queue::dropped)
            .chain(answers)
            .collect()
    }

    /// Waits until the end of `watched` was told and the sinks have passed it on, at
    /// most for the time that `flush` allows. If it was the last runtime, nothing is
    /// left then.
    pub(crate) fn settle(&self, watched: &Arc<Watched>) {
        // The watchdog, too, gives the sinks the time that `flush` allows, and then tells
        // what they lost. It begins a little later, on a machine without a free core
        // much later, and a program that did not wait for it would end unawares.
        const MARGIN: Duration = Duration::from_secs(1);
        let until = Instant::now() + self.flush;
        self.wait(until + MARGIN, || {
            !lock(&self.watched).iter().any(|w| Arc::ptr_eq(w, watched))
        });
        if lock(&self.watched).is_empty() {
            self.wait(until + MARGIN, || *lock(&self.finished));
            if *lock(&self.finished)
                && let Some(thread) = lock(&self.thread).take()
            {
                let _watchdogs_do_not_panic = thread.join();
            }
            return;
        }
        for queue in &self.queues {
            queue.request_flush(until);
        }
        for queue in &self.queues {
            queue.wait_flushed(until);
        }
    }

    fn wait(&self, until: Instant, done: impl Fn() -> bool) {
        // The condition lives under locks of its own, so a change can slip in before
        // the wait begins: look again now and then.
        const LOOK: Duration = Duration::from_millis(5);
        let mut guard = lock(&self.finished);
        loop {
            drop(guard);
            if done() || Instant::now() >= until {
                return;
            }
            guard = lock(&self.finished);
            guard = self
                .changed
                .wait_timeout(guard, LOOK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

#[cfg(test)]
impl Process {
    /// A process without a watchdog's thread, for one that a test drives.
    pub(crate) fn driven(sinks: Vec<Box<dyn Sink>>) -> Arc<Self> {
        let queues = sinks.into_iter().map(|sink| Queue::start("test", sink));
        let queues = queues.collect::<io::Result<_>>().expect("a thread");
        Arc::new(Self::new(Vec::new(), queues, Duration::ZERO))
    }

    /// Waits until the sinks were told everything.
    pub(crate) fn wait_for_sinks(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        for queue in &self.queues {
            queue.request_flush(until);
            queue.wait_flushed(until);
        }
    }

    pub(crate) fn arrive(&self, subject: Subject) {
        lock(&self.watched).push(Arc::clone(&subject.watched));
        lock(&self.arrivals).push(subject);
    }
}

/// Lets all sinks deliver what is queued, side by side, and ends their threads.
fn end(queues: &[Queue], flush: Duration) {
    let until = Instant::now() + flush;
    for queue in queues {
        queue.close(until);
    }
    for queue in queues {
        queue.join(until);
    }
}

/// Tokio's name for the runtime, else `main`, `rt-2`, `rt-3` …
fn unique_name(name: Option<&str>, watched: &[Arc<Watched>]) -> Arc<str> {
    let free = |name: &str| watched.iter().all(|watched| *watched.name != *name);
    let first = name.unwrap_or("main");
    if free(first) {
        return first.into();
    }
    let stem = name.unwrap_or("rt");
    // One more candidate than there are runtimes, so one of them is free.
    let last = watched.len() + 2;
    let numbered = (2..=last)
        .map(|number| format!("{stem}-{number}"))
        .find(|name| free(name));
    numbered.unwrap_or_else(|| first.to_owned()).into()
}
