//! The watchdog on a driven clock.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Subject, Watchdog};
use crate::config::Backtrace;
use crate::registry::{Process, Settings, Watched};
use crate::snapshot::{Probe, Snapshot};
use crate::sys::{Bell, allocations};

const MS: Duration = Duration::from_millis(1);

/// A watchdog and the runtime that it watches, on a clock that the test moves.
/// Nobody runs the runtime: the test answers in place of the probe.
struct Driven {
    watchdog: Watchdog,
    watched: Arc<Watched>,
    bell: Arc<Bell>,
    now: Instant,
    _runtime: tokio::runtime::Runtime,
}

impl Driven {
    fn new(interval: Duration, probe: Probe) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let settings = Settings {
            interval,
            stall_threshold: 100 * MS,
            backtrace: Backtrace::Never,
        };
        let now = Instant::now();
        let watched = Arc::new(Watched::new(
            "main".into(),
            runtime.handle(),
            settings,
            probe,
            thread::current(),
            now,
        ));
        let bell = Arc::new(Bell::new().unwrap());
        let process = Process::driven(Vec::new());
        let rung = (probe == Probe::Io).then(|| Arc::clone(&bell));
        process.arrive(Subject::new(Arc::clone(&watched), rung, None));
        Self {
            watchdog: Watchdog::new(process),
            watched,
            bell,
            now,
            _runtime: runtime,
        }
    }

    /// Lets the watchdog wake whenever it wants to, for as long as `length`; the
    /// number of times it did. `answer` stands for the runtime.
    fn run(&mut self, length: Duration, mut answer: impl FnMut(&Watched, Instant)) -> u32 {
        let end = self.now + length;
        let mut wakes = 0;
        while self.now < end {
            let next = self.watchdog.tick(|| self.now).unwrap();
            answer(&self.watched, self.now);
            wakes += 1;
            assert!(next > self.now, "a watchdog that wakes without pause");
            self.now = next;
        }
        wakes
    }

    fn snapshot(&self) -> Snapshot {
        self.watched
            .snapshot(self.now, &self.watchdog.process.host_lags)
    }
}

fn at_once(watched: &Watched, now: Instant) {
    watched.line.answer(now);
}

fn never(_: &Watched, _: Instant) {}

#[test]
fn a_healthy_loop_costs_few_wake_ups() {
    let mut driven = Driven::new(250 * MS, Probe::Io);
    let wakes = driven.run(Duration::from_secs(60), at_once);
    // Four pings and the sample.
    assert!(wakes <= 60 * (4 + 1) + 2, "{wakes}");
    let pings = driven.snapshot().lag.count();
    assert!((239..=241).contains(&pings), "{pings}");
}

#[test]
fn a_loop_stuck_for_an_hour_is_rung_once_and_seen_all_the_time() {
    let mut driven = Driven::new(250 * MS, Probe::Io);
    driven.run(Duration::from_secs(1), at_once);
    driven.bell.take_rings();
    let healthy = driven.snapshot();
    for hour_part in 1..=12 {
        driven.run(Duration::from_secs(300), never);
        let stuck = driven.snapshot().since(&healthy);
        let expected = Duration::from_secs(300) * hour_part;
        let waiting = stuck.lag.waiting().unwrap();
        assert!(
            waiting <= expected && waiting + 500 * MS >= expected,
            "{waiting:?}"
        );
        let events = stuck.lag.count();
        let due = u64::from(hour_part) * 1200;
        assert!((due - 3..=due + 1).contains(&events), "{events} of {due}");
        assert!(driven.bell.take_rings() <= 1, "one ping is out");
    }
    at_once(&driven.watched, driven.now);
    driven.run(Duration::from_secs(1), at_once);
    let after = driven.snapshot().since(&healthy).lag;
    assert_eq!(after.waiting(), None);
    assert!(
        (14_395..=14_410).contains(&after.count()),
        "{}",
        after.count()
    );
    assert!(after.max() >= Some(Duration::from_secs(3599)));
}

#[test]
fn sleeps_of_the_timer_probe_are_all_collected() {
    let mut driven = Driven::new(20 * MS, Probe::Timer);
    let mut due = driven.now + 10 * MS;
    let mut sleeps = 0;
    // The shortest pause between two sleeps is half an interval.
    driven.watched.line.ask(due);
    driven.run(Duration::from_secs(10), |watched, now| {
        if now >= due {
            watched.line.answer(due + MS);
            sleeps += 1;
            due += 10 * MS + Duration::from_micros(1);
            watched.line.ask(due);
        }
    });
    driven.run(20 * MS, never);
    assert_eq!(driven.watched.line.lost(), 0);
    let collected = driven.snapshot().lag.count();
    assert!(collected >= sleeps, "{collected} of {sleeps}");
}

#[test]
fn after_a_suspend_there_is_one_sample_and_the_host_is_blamed() {
    let mut driven = Driven::new(250 * MS, Probe::Io);
    driven.run(Duration::from_secs(10), at_once);
    let before = driven.snapshot();
    driven.watchdog.host.expect(driven.now);
    driven.now += Duration::from_secs(600);
    driven.run(Duration::from_secs(1), at_once);
    let window = driven.snapshot().since(&before);
    assert!(window.host_lag.max() >= Some(Duration::from_secs(600)));
    assert!(
        window.lag.count() <= 10,
        "no ping was late: {:?}",
        window.lag
    );
}

#[test]
fn samples_follow_each_other_without_gap_or_overlap() {
    let driven = Driven::new(250 * MS, Probe::Io);
    let process = &driven.watchdog.process;
    let mut subject = process.take_arrivals().pop().unwrap();
    let (mut samples, mut events, mut covered) = (0, 0, Duration::ZERO);
    for quarter in 1..=40 {
        let now = driven.now + quarter * 250 * MS;
        subject.ping(now);
        driven.watched.line.answer(now);
        subject.collect();
        if let Some(sample) = subject.sample(now, process) {
            samples += 1;
            events += sample.window.lag.count();
            covered += sample.window.window;
            assert_eq!(sample.total.window, covered);
            assert_eq!(sample.total.lag.count(), events);
        }
    }
    assert_eq!(samples, 10);
    assert!((39..=40).contains(&events), "{events}");
}

#[test]
fn nothing_is_allocated_between_two_samples() {
    for answer in [at_once, never] {
        let mut driven = Driven::new(MS, Probe::Io);
        driven.run(100 * MS, answer);
        let before = allocations();
        let wakes = driven.run(800 * MS, answer);
        assert_eq!(allocations(), before, "in {wakes} ticks");
        assert!(wakes > 30);
    }
}
