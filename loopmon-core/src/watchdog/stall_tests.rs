//! Workers that are really stuck, and a clock that the test moves.

use std::cell::Cell;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::{Subject, Watchdog};
use crate::config::Backtrace;
use crate::inside::{self, Method, UserHooks};
use crate::record::{Event, Stall};
use crate::registry::{Hold, Process, Settings, Watched};
use crate::sink::{Sink, SinkError};
use crate::snapshot::Probe;
use crate::stall::{Cause, Phase, Stalls, WorkerName};
use crate::sys::{Bell, allocations};

const MS: Duration = Duration::from_millis(1);
const THRESHOLD: Duration = Duration::from_millis(100);

/// Keeps the stalls that it is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Stall>>>);

impl Sink for Told {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        if let Event::Stall(stall) = event {
            let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            told.push((*stall).clone());
        }
        Ok(())
    }
}

/// A runtime of four workers, watched on a clock that the test moves.
struct Driven {
    watchdog: Watchdog,
    watched: Arc<Watched>,
    bell: Arc<Bell>,
    told: Told,
    now: Instant,
    runtime: Runtime,
}

/// A worker that is kept until this is dropped.
struct Kept {
    worker: usize,
    _release: Sender<()>,
}

impl Driven {
    fn new(drill: Option<Duration>) -> Self {
        Self::with_interval(250 * MS, drill)
    }

    fn with_interval(interval: Duration, drill: Option<Duration>) -> Self {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(4);
        let hooked = UserHooks::default().install(&mut builder);
        let runtime = builder.build().unwrap();
        let settings = Settings {
            interval,
            stall_threshold: THRESHOLD,
            backtrace: Backtrace::Never,
        };
        let (now, handle) = (Instant::now(), runtime.handle());
        let mut watched = Watched::new(
            "main".into(),
            handle,
            settings,
            Probe::Io,
            thread::current(),
            now,
        );
        watched.set_hooked(hooked);
        let watched = Arc::new(watched);
        // The test answers in place of the probe.
        let probe = runtime.spawn(inside::run(Method::None, Arc::clone(&watched)));
        watched.keep(Hold {
            handle: handle.clone(),
            metrics: handle.metrics(),
            probe: probe.abort_handle(),
        });
        let (told, bell) = (Told::default(), Arc::new(Bell::new().unwrap()));
        let process = Process::driven(vec![Box::new(told.clone())]);
        process.arrive(Subject::new(
            Arc::clone(&watched),
            Some(Arc::clone(&bell)),
            drill,
        ));
        let driven = Self {
            watchdog: Watchdog::new(process),
            watched,
            bell,
            told,
            now,
            runtime,
        };
        driven.wait_for_parked(4);
        driven
    }

    fn parked(&self) -> usize {
        let metrics = self.runtime.metrics();
        let parities = (0..4).map(|worker| metrics.worker_park_unpark_count(worker));
        parities.filter(|parity| parity % 2 == 1).count()
    }

    /// Real time: a thread of the system needs some to get there.
    fn wait_for_parked(&self, count: usize) {
        let start = Instant::now();
        while self.parked() != count {
            assert!(start.elapsed().as_secs() < 20, "{} parked", self.parked());
            thread::yield_now();
        }
    }

    /// Keeps one more worker, and waits until only that one is active.
    fn keep_a_worker(&self) -> Kept {
        let parked = self.parked();
        let ((enter, entered), (release, released)) = (mpsc::channel(), mpsc::channel());
        self.runtime.spawn(async move { stay(&enter, &released) });
        let worker = entered.recv().unwrap().unwrap();
        self.wait_for_parked(parked - 1);
        Kept {
            worker,
            _release: release,
        }
    }

    /// Lets the watchdog wake whenever it wants to, for as long as `length`.
    fn run(&mut self, length: Duration) -> u32 {
        let (end, mut wakes) = (self.now + length, 0);
        while self.now < end {
            let next = self.watchdog.tick(|| self.now).unwrap();
            self.watched.line.answer(self.now);
            wakes += 1;
            if wakes % 100 == 0 {
                // A queue holds 256 events.
                self.watchdog.process.wait_for_sinks();
            }
            self.now = next.min(end);
        }
        wakes
    }

    fn stalls(&self) -> Stalls {
        let host_lags = &self.watchdog.process.host_lags;
        self.watched.snapshot(self.now, host_lags).stalls
    }

    fn told(&self) -> Vec<Stall> {
        self.watchdog.process.wait_for_sinks();
        let told = self.told.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }
}

fn stay(enter: &Sender<Option<usize>>, released: &Receiver<()>) {
    enter.send(tokio::runtime::worker_index()).unwrap();
    let _released = released.recv();
}

#[test]
fn a_worker_stuck_for_ten_minutes_is_told_at_each_doubling_with_its_age() {
    let mut driven = Driven::new(None);
    driven.run(1_000 * MS);
    let kept = driven.keep_a_worker();
    driven.run(Duration::from_secs(600));
    let stalls = driven.stalls();
    assert_eq!((stalls.active, stalls.started()), (1, 1));
    let age = stalls.age.unwrap();
    assert!(
        age > Duration::from_secs(599) && age <= Duration::from_secs(600),
        "{age:?}"
    );
    let worker = WorkerName::Index(kept.worker);
    drop(kept);
    driven.wait_for_parked(4);
    driven.run(50 * MS);

    let told = driven.told();
    // 0.1 s · 2^12 is the last doubling in 600 s.
    let phases: Vec<Phase> = told.iter().map(|stall| stall.phase).collect();
    let mut expected = vec![Phase::Ongoing; 14];
    expected[0] = Phase::Started;
    expected[13] = Phase::Ended;
    assert_eq!(phases, expected);
    for (doubling, stall) in told[..13].iter().enumerate() {
        let due = THRESHOLD * (1 << doubling);
        // The worker woke by the real clock, so only the lower bound means something.
        let at_least = stall.duration.saturating_sub(stall.duration_error);
        assert!(at_least + MS >= due, "{stall:?}");
        assert!(at_least <= due + 2 * THRESHOLD / 8, "{stall:?}");
    }
    let same = |stall: &Stall| (stall.id, stall.worker, stall.cause) == (1, worker, Cause::Unknown);
    assert!(told.iter().all(same), "{told:#?}");
    assert_eq!((told[0].parked, told[0].workers), (3, 4));
    assert_eq!(driven.stalls().active, 0);
}

#[test]
fn of_many_stalls_five_are_told_in_full_and_all_are_counted() {
    const STALLS: usize = 40;
    let mut driven = Driven::new(None);
    for _ in 0..STALLS {
        let kept = driven.keep_a_worker();
        driven.run(450 * MS);
        drop(kept);
        driven.wait_for_parked(4);
        driven.run(50 * MS);
    }
    let stalls = driven.stalls();
    assert_eq!(stalls.started(), STALLS as u64);
    assert_eq!(stalls.held_back, STALLS as u64 - 5);
    let told = driven.told();
    assert_eq!(told.len(), STALLS * 4, "at T, 2T, 4T and the end");
    let loud: Vec<u64> = told
        .iter()
        .filter(|stall| !stall.muted)
        .map(|stall| stall.id)
        .collect();
    assert_eq!(
        loud,
        [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]
    );
    // What was left out takes no line from others: 20 of the 30 of a minute are used.
    let (limit, now) = (&mut driven.watchdog.limit, driven.now);
    assert_eq!((0..30).filter(|_| limit.line(now)).count(), 10);
    // A minute later the next is told in short, with the number of the others.
    driven.run(Duration::from_secs(60));
    let kept = driven.keep_a_worker();
    driven.run(450 * MS);
    drop(kept);
    driven.wait_for_parked(4);
    driven.run(50 * MS);
    let told = driven.told();
    let last: Vec<_> = told[STALLS * 4..]
        .iter()
        .map(|stall| (stall.phase, stall.muted, stall.held_back))
        .collect();
    assert_eq!(
        last,
        [
            (Phase::Started, false, 35),
            (Phase::Ongoing, true, 0),
            (Phase::Ongoing, true, 0),
            (Phase::Ended, false, 0),
        ]
    );
}

#[test]
fn a_worker_that_does_not_move_is_suspected_and_the_lag_asked_for_out_of_turn() {
    let mut driven = Driven::new(None);
    driven.run(1_000 * MS);
    driven.bell.take_rings();
    let counted = driven.watched.lags.load().count();
    // Long enough for ten suspicions, too short for a regular ping each.
    let mut rings = 0;
    for _ in 0..10 {
        let kept = driven.keep_a_worker();
        driven.run(40 * MS);
        drop(kept);
        driven.wait_for_parked(4);
        driven.run(10 * MS);
        rings += driven.bell.take_rings();
    }
    driven.run(MS);
    let regular = driven.watched.lags.load().count() - counted;
    assert!(regular <= 4, "in half a second at 250 ms: {regular}");
    assert!((10..=14).contains(&rings), "{rings}");
}

#[test]
fn a_ping_out_of_turn_that_waits_is_the_present_lag_and_no_event() {
    let hour = Duration::from_secs(3600);
    let mut driven = Driven::with_interval(hour, None);
    let kept = driven.keep_a_worker();
    for _ in 0..10 {
        driven.watchdog.tick(|| driven.now);
        driven.now += 10 * MS; // And nobody answers.
    }
    let host_lags = &driven.watchdog.process.host_lags;
    let lag = driven.watched.snapshot(driven.now, host_lags).lag;
    assert!(lag.waiting() >= Some(50 * MS), "{lag:?}");
    assert_eq!(lag.count(), 0);
    let told = driven.told();
    let started = told.iter().find(|stall| stall.phase == Phase::Started);
    assert!(started.is_none_or(|stall| stall.lag.is_some()), "{told:?}");
    drop(kept);
}

#[test]
fn an_event_that_waits_while_nobody_computes_is_no_stall_of_the_driver() {
    let mut driven = Driven::new(None);
    driven.run(1_000 * MS);
    driven.watched.line.ask(driven.now);
    for _ in 0..100 {
        driven.watchdog.tick(|| driven.now);
        driven.now += 10 * MS; // And nobody answers.
    }
    assert!(driven.watched.waiting(driven.now) > Some(THRESHOLD));
    assert!(driven.told().is_empty());
}

#[test]
fn while_all_are_parked_the_watchdog_wakes_for_pings_and_samples_only() {
    let mut driven = Driven::new(None);
    let wakes = driven.run(Duration::from_secs(60));
    // A ping is followed by one look, and four a second are sent.
    assert!(wakes <= 60 * (2 * 4 + 1) + 2, "{wakes}");
}

#[test]
fn a_stall_that_lasts_when_the_watch_ends_is_told_as_ended() {
    let mut driven = Driven::new(None);
    let kept = driven.keep_a_worker();
    driven.run(150 * MS);
    driven.watched.stop();
    assert_eq!(driven.watchdog.tick(|| driven.now), None);
    let phases: Vec<Phase> = driven.told().iter().map(|stall| stall.phase).collect();
    assert_eq!(phases, [Phase::Started, Phase::Ended]);
    drop(kept);
}

#[test]
fn a_stall_may_last_until_the_watchdog_learns_that_the_runtime_is_gone() {
    let mut driven = Driven::new(None);
    let kept = driven.keep_a_worker();
    driven.run(150 * MS);
    driven.watched.stop();
    // The tick itself takes time: it reads the clock when it begins, when it has looked,
    // and when it has learnt that.
    let readings = Cell::new(0);
    driven.watchdog.tick(|| {
        readings.set(readings.get() + 1);
        driven.now + readings.get() * 20 * MS
    });
    let told = driven.told();
    let ended = told.last().unwrap();
    assert_eq!(ended.phase, Phase::Ended);
    assert!(ended.duration >= (150 + 3 * 20) * MS, "{ended:#?}");
    drop(kept);
}

#[test]
fn the_drill_blocks_one_worker_once_after_two_seconds_and_is_marked() {
    let mut driven = Driven::new(Some(300 * MS));
    driven.run(1_900 * MS);
    assert_eq!(driven.parked(), 4, "not yet");
    let start = Instant::now();
    driven.run(150 * MS);
    // The drill itself takes real time, and the clock of the watchdog has to keep up.
    while driven.stalls().active == 0 && start.elapsed().as_secs() < 20 {
        driven.run(25 * MS);
        thread::sleep(10 * MS);
    }
    driven.wait_for_parked(4);
    driven.run(Duration::from_secs(60));
    let told = driven.told();
    assert!(!told.is_empty());
    assert!(told.iter().all(|stall| stall.drill && stall.id == 1));
    let totals = &driven.stalls().by_cause[..];
    let [totals] = totals else {
        panic!("{totals:?}")
    };
    assert_eq!((totals.drill, totals.started), (true, 1));
    assert_eq!(driven.watched.active_tasks(), Some(0));
}

#[test]
fn nothing_is_allocated_between_two_reports_of_a_stall() {
    let mut driven = Driven::new(None);
    let kept = driven.keep_a_worker();
    driven.run(410 * MS);
    let before = allocations();
    let wakes = driven.run(300 * MS);
    assert_eq!(allocations(), before, "in {wakes} ticks");
    assert!(wakes > 30, "{wakes}");
    drop(kept);
}
