//! Who of a runtime is away from the scheduler. Everything is read, nothing written.

use std::time::{Duration, Instant};

use tokio::runtime::RuntimeFlavor;

use super::driver::Driver;
use crate::registry::Watched;
use crate::stall::{Cause, Change, Life, Look, Mark, WorkerName};

/// All who may stay away on one runtime.
#[derive(Debug)]
pub(super) struct Workers {
    tick: Duration,
    lives: Vec<Life>,
    root: Life,
    driver: Driver,
    shutdown: Life,
    /// What the workers' metrics were at the last look.
    readings: Vec<Reading>,
    seen: Seen,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Tokio counts up when a worker parks, and when it is back.
    parity: u64,
    busy: Duration,
}

/// From the instant before all was read to the one after.
type Span = (Instant, Instant);

/// In short what a look has seen, to be compared with another look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    parked: usize,
    /// Changes whenever a worker, or the root future, comes or goes.
    movements: u64,
    is_driven: bool,
    root_is_polled: bool,
    threads: usize,
}

/// Takes what a look has brought to light.
pub(super) trait Witness {
    fn change(&mut self, worker: WorkerName, cause: Cause, change: Change, parked: usize);
    /// A stall lasts; it has been seen for so long.
    fn lasts(&mut self, worker: WorkerName, cause: Cause, seen: Duration);
}

impl Workers {
    pub(super) fn new(count: usize, threshold: Duration, tick: Duration, since: Instant) -> Self {
        let life = || Life::new(threshold, tick, since);
        Self {
            tick,
            lives: (0..count).map(|_| life()).collect(),
            root: life(),
            driver: Driver::new(life(), tick, count),
            shutdown: life(),
            readings: Vec::with_capacity(count),
            seen: Seen::default(),
        }
    }

    /// Nobody has looked until `at`, because all were parked and would have told.
    pub(super) fn were_quiet_until(&mut self, at: Instant) {
        for life in self.lives.iter_mut().chain([&mut self.root]) {
            life.was_there_until(at);
        }
    }

    /// Looks at all of them, from `at` on.
    pub(super) fn look(
        &mut self,
        at: Instant,
        clock: impl Fn() -> Instant,
        watched: &Watched,
        witness: &mut impl Witness,
    ) {
        self.read(watched);
        self.seen = see(&self.readings, watched);
        let in_driver = self.mark_of_driver(at, watched);
        let hangs = watched.hangs_at_end();
        // Whoever is not away now has not returned later than this.
        let at = (at, clock());
        self.look_at_workers(at, watched, witness);
        self.look_at_root(at, watched, witness);
        self.look_at_driver(at, in_driver, witness);
        self.look_at_shutdown(at, hangs, witness);
    }

    fn read(&mut self, watched: &Watched) {
        self.readings.clear();
        let indices = 0..self.lives.len();
        watched.with_hold(|hold| {
            self.readings.extend(indices.map(|index| Reading {
                parity: hold.metrics.worker_park_unpark_count(index),
                busy: hold.metrics.worker_total_busy_duration(index),
            }));
        });
    }

    fn look_at_workers(&mut self, (at, by): Span, watched: &Watched, witness: &mut impl Witness) {
        let closing = watched.is_closed();
        let on_threads = watched.flavor != RuntimeFlavor::CurrentThread;
        // Between two calls of `block_on` nobody drives it, and it looks stuck.
        let judged = closing || on_threads || self.seen.is_driven;
        // Until its thread has started, a worker looks stuck. The workers' threads are the
        // first that a runtime starts.
        let threads = watched.hooked.as_ref().map(|hooked| &hooked.threads);
        let all_started = threads.is_some_and(|threads| threads.started() >= self.lives.len());
        let lives = self.lives.iter_mut().zip(&self.readings).enumerate();
        for (index, (life, reading)) in lives {
            let started = !on_threads || all_started || reading.has_moved();
            if !started && threads.is_some() {
                continue; // It may be away since long before it is known to have started.
            }
            let away = reading.away().filter(|mark| {
                // A worker that is done with its runtime stays as it is, for ever: then only
                // one that was away before counts.
                let known = life.away() == Some(*mark) && life.seen() >= self.tick;
                judged && started && (known || !closing)
            });
            let look = Look {
                at,
                by,
                away,
                busy: Some(reading.busy),
            };
            let (name, parked) = (WorkerName::Index(index), self.seen.parked);
            tell(life, look, name, Cause::Unknown, parked, witness);
        }
    }

    fn look_at_root(&mut self, at: Span, watched: &Watched, witness: &mut impl Witness) {
        // On a current-thread runtime it runs on the worker.
        let on_no_worker = watched.flavor != RuntimeFlavor::CurrentThread;
        let away = self.seen.root_is_polled && on_no_worker;
        let look = Look::at(at, away.then(|| (watched.root.polls(), 0)));
        let (name, parked) = (WorkerName::Main, self.seen.parked);
        tell(&mut self.root, look, name, Cause::Unknown, parked, witness);
    }

    fn mark_of_driver(&mut self, now: Instant, watched: &Watched) -> Option<Mark> {
        let Seen {
            parked, movements, ..
        } = self.seen;
        let all_parked = parked == self.lives.len() && !watched.is_closed();
        let waiting = watched.waiting(now).filter(|_| all_parked);
        self.driver.mark(now, waiting, movements, watched)
    }

    fn look_at_driver(&mut self, at: Span, mark: Option<Mark>, witness: &mut impl Witness) {
        let look = Look::at(at, mark);
        let (name, parked) = (self.driver.name(), self.seen.parked);
        let life = self.driver.life_mut();
        tell(life, look, name, Cause::Driver, parked, witness);
    }

    /// A hanging end is told only while no worker is known to be what it waits for.
    fn look_at_shutdown(&mut self, at: Span, hangs: bool, witness: &mut impl Witness) {
        let hangs = hangs && self.lives.iter().all(|life| life.away().is_none());
        let look = Look::at(at, hangs.then_some((0, 0)));
        let (name, parked) = (WorkerName::Shutdown, self.seen.parked);
        let life = &mut self.shutdown;
        tell(life, look, name, Cause::Unknown, parked, witness);
    }

    /// Nobody is looked at any longer, so whatever lasts ends here.
    pub(super) fn look_away(&mut self, at: Instant, witness: &mut impl Witness) {
        let look = Look::at((at, at), None);
        let names = (0..).map(WorkerName::Index);
        for (name, life) in names.zip(&mut self.lives) {
            tell(life, look, name, Cause::Unknown, 0, witness);
        }
        let driver = self.driver.name();
        for (life, name, cause) in [
            (&mut self.root, WorkerName::Main, Cause::Unknown),
            (self.driver.life_mut(), driver, Cause::Driver),
            (&mut self.shutdown, WorkerName::Shutdown, Cause::Unknown),
        ] {
            tell(life, look, name, cause, 0, witness);
        }
    }

    /// Whether nobody is active but those who have been so for a while, without a move.
    /// Whoever else becomes active tells.
    pub(super) fn are_quiet(&self, watched: &Watched) -> bool {
        let active = self.lives.len() - self.seen.parked + usize::from(self.seen.root_is_polled);
        let unmoved = self.lives.iter().chain([&self.root]);
        let unmoved = unmoved.filter(|life| life.seen() > Duration::ZERO).count();
        active == unmoved || watched.is_closed() || self.are_undriven(watched)
    }

    /// Whether somebody is away, or may be, and has to be looked at.
    pub(super) fn need_looks(&self) -> bool {
        self.lives().any(|life| life.away().is_some()) || self.driver.is_suspected()
    }

    /// Whether nothing can be told of the runtime at present: nobody drives it, as far as
    /// is known.
    pub(super) fn are_undriven(&self, watched: &Watched) -> bool {
        watched.flavor == RuntimeFlavor::CurrentThread && !self.seen.is_driven
    }

    /// Whether nobody has moved since the last look.
    pub(super) fn are_as_seen(&self, watched: &Watched) -> bool {
        let mut now = see(&[], watched);
        watched.with_hold(|hold| {
            for index in 0..self.lives.len() {
                now.count(hold.metrics.worker_park_unpark_count(index));
            }
        });
        now == self.seen
    }

    /// Whether a worker has now not moved for a tick; true once for each absence.
    pub(super) fn suspect(&mut self) -> bool {
        let tick = self.tick;
        // All are asked, so that two who leave together are one suspicion.
        let found = self
            .lives
            .iter_mut()
            .filter_map(|life| life.has_lasted(tick).then_some(()));
        found.count() > 0
    }

    /// When to look next, if anybody is active.
    pub(super) fn next_look(&self) -> Duration {
        let next = self.lives().map(|life| life.next_look(self.tick)).min();
        next.unwrap_or(self.tick)
    }

    fn lives(&self) -> impl Iterator<Item = &Life> {
        let others = [&self.root, self.driver.life(), &self.shutdown];
        self.lives.iter().chain(others)
    }
}

impl Reading {
    /// Whether the worker has parked, or published that it was busy, since it was made.
    fn has_moved(&self) -> bool {
        self.parity != 0 || self.busy > Duration::ZERO
    }

    /// What it shows while it is away; `None` if it is parked.
    fn away(&self) -> Option<Mark> {
        let busy = u64::try_from(self.busy.as_nanos()).unwrap_or(u64::MAX);
        is_active(self.parity).then_some((self.parity, busy))
    }
}

fn is_active(parity: u64) -> bool {
    parity.is_multiple_of(2)
}

fn see(readings: &[Reading], watched: &Watched) -> Seen {
    let polls = watched.root.polls();
    let hooked = watched.hooked.as_ref();
    let mut seen = Seen {
        parked: 0,
        movements: polls,
        is_driven: watched.root.is_present(),
        root_is_polled: polls % 2 == 1,
        threads: hooked.map_or(0, |hooked| hooked.threads.alive()),
    };
    for reading in readings {
        seen.count(reading.parity);
    }
    seen
}

impl Seen {
    fn count(&mut self, parity: u64) {
        self.parked += usize::from(!is_active(parity));
        self.movements = self.movements.wrapping_add(parity);
    }
}

fn tell(
    life: &mut Life,
    look: Look,
    worker: WorkerName,
    cause: Cause,
    parked: usize,
    witness: &mut impl Witness,
) {
    if let Some(change) = life.look(look) {
        witness.change(worker, cause, change, parked);
    }
    if let Some(seen) = life.stalled() {
        witness.lasts(worker, cause, seen);
    }
}
