//! The one thread of the process that watches all its runtimes from outside. It
//! runs on no runtime, so it goes on while they are stuck.

mod case;
mod drill;
mod driver;
mod host;
mod inquiry;
mod ping;
mod stalls;
mod subject;
mod workers;

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use self::host::HostLag;
use self::stalls::Means;
pub(crate) use self::subject::Subject;
use crate::record::Record;
use crate::registry::Process;
use crate::stack::Stacks;
use crate::stall::Limit;

/// The watchdog's state. [`tick`](Self::tick) is all it does, and takes the time as
/// an argument.
pub(crate) struct Watchdog {
    process: Arc<Process>,
    subjects: Vec<Subject>,
    host: HostLag,
    limit: Limit,
    stacks: Stacks,
}

impl Watchdog {
    pub(crate) fn new(process: Arc<Process>) -> Self {
        Self {
            process,
            subjects: Vec::new(),
            host: HostLag::new(),
            limit: Limit::new(Instant::now()),
            stacks: Stacks::default(),
        }
    }

    /// The thread: until no runtime is left.
    pub(crate) fn run(mut self) {
        loop {
            match self.tick(Instant::now) {
                Some(wake) => {
                    self.host.expect(wake);
                    thread::park_timeout(wake.saturating_duration_since(Instant::now()));
                }
                None if self.process.finish() => return,
                // A runtime has been registered and is about to arrive.
                None => thread::yield_now(),
            }
        }
    }

    /// Does what is due now, by the clock, and tells when something is due next; `None`
    /// if there is no runtime to watch.
    fn tick(&mut self, clock: impl Fn() -> Instant) -> Option<Instant> {
        let now = clock();
        let Self {
            process,
            subjects,
            host,
            limit,
            stacks,
        } = self;
        host.woke(now, &process.host_lags);
        for subject in process.take_arrivals() {
            process.push(Record::Start(subject.start(now, stacks)));
            subjects.push(subject);
        }
        let answers = stacks.answers();
        let mut means = Means {
            limit,
            stacks,
            process,
        };
        for subject in &mut *subjects {
            subject.collect();
            subject.hear(&answers, now, means.reborrow());
            subject.look(now, &clock, means.reborrow());
            // Before the ping, which would count as waiting without having had a chance.
            if let Some(sample) = subject.sample(now, process) {
                process.push(Record::Sample(Box::new(sample)));
            }
        }
        subjects.retain_mut(|subject| {
            if !subject.watched.is_gone() {
                return true;
            }
            let now = clock(); // It may have lived until just now.
            subject.stop_looking(now, means.reborrow());
            subject.watched.let_go();
            if subject.is_explaining() {
                return true;
            }
            process.push(Record::End(Box::new(subject.end(now, process))));
            process.forget(&subject.watched);
            false
        });
        for subject in &mut *subjects {
            // By a fresh look at the clock: what the watchdog did until here is no lag.
            subject.ping(clock());
        }
        let next_wakes = subjects.iter_mut().map(|subject| subject.next_wake(now));
        next_wakes.min()
    }
}

#[cfg(test)]
mod stall_tests;
#[cfg(test)]
mod tests;
