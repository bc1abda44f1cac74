//! Of many stalls, each is blamed on the code that made it, and on no other.

use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::time::{Duration, SystemTime};

use loopmon::{Cause, Monitor, Phase, Stall};
use tokio::runtime::{Builder, Runtime};

use crate::blockers;
use crate::scene::{LONG, brief, set_told};
use crate::support::{self, StallLog, Suite, nothing_lasts, wait_until};

pub(super) fn suite() -> Suite {
    Suite::default()
        .punctual(of_a_hundred_stalls_each_is_blamed_on_its_own_code)
        .punctual(of_a_hundred_others_each_is_blamed_on_its_own_code)
        .punctual(of_a_last_hundred_each_is_blamed_on_its_own_code)
        .check(more_workers_at_once_than_questions_wait_are_all_named)
        .check(two_workers_stuck_in_different_functions_are_not_swapped)
}

/// Ways to be stuck, each in a function of its own.
mod ways {
    #![allow(clippy::inline_always, reason = "half of them, as a compiler would")]

    use std::hint::black_box;
    use std::io::Read as _;
    use std::sync::{Mutex, mpsc};
    use std::thread;
    use std::time::{Duration, Instant};

    use crate::scene::returns;

    #[inline(always)]
    pub(super) fn naps(length: Duration) {
        thread::sleep(length);
        returns();
    }

    pub(super) fn dozes(length: Duration) {
        thread::sleep(length);
        returns();
    }

    #[inline(always)]
    pub(super) fn adds(length: Duration) {
        let (end, mut sum) = (Instant::now() + length, 0_u64);
        while Instant::now() < end {
            sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
    }

    pub(super) fn sorts(length: Duration) {
        let end = Instant::now() + length;
        while Instant::now() < end {
            let mut numbers: Vec<u32> = (0..10_000)
                .map(|n: u32| n.wrapping_mul(2_654_435_761))
                .collect();
            numbers.sort_unstable();
            black_box(numbers);
        }
    }

    #[inline(always)]
    pub(super) fn locks(length: Duration) {
        let (lock, (holds, held)) = (Mutex::new(()), mpsc::channel());
        thread::scope(|scope| {
            scope.spawn(|| {
                let _guard = lock.lock();
                holds.send(()).expect("somebody waits");
                thread::sleep(length);
            });
            held.recv().expect("it holds it");
            drop(lock.lock());
        });
    }

    pub(super) fn reads(length: Duration) {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        thread::spawn(move || {
            thread::sleep(length);
            drop(writer);
        });
        let count = reader.read(&mut [0]).expect("a pipe can be read");
        assert_eq!(count, 0);
    }

    #[inline(always)]
    pub(super) fn receives(length: Duration) {
        let (_sender, receiver) = mpsc::channel::<()>();
        receiver.recv_timeout(length).expect_err("nobody sends");
    }

    pub(super) fn allocates(length: Duration) {
        let end = Instant::now() + length;
        while Instant::now() < end {
            let strings: Vec<String> = (0..1_000).map(|n: u32| n.to_string()).collect();
            black_box(strings);
        }
    }

    #[inline(always)]
    pub(super) fn unwinds(length: Duration) {
        let end = Instant::now() + length;
        while Instant::now() < end {
            let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(7)));
            drop(black_box(caught));
        }
    }
}

type Way = (&'static str, fn(Duration), Cause);

const WAYS: [Way; 9] = [
    ("naps", ways::naps, Cause::Blocking),
    ("dozes", ways::dozes, Cause::Blocking),
    ("adds", ways::adds, Cause::Cpu),
    ("sorts", ways::sorts, Cause::Cpu),
    ("locks", ways::locks, Cause::Blocking),
    ("reads", ways::reads, Cause::Blocking),
    ("receives", ways::receives, Cause::Blocking),
    ("allocates", ways::allocates, Cause::Cpu),
    ("unwinds", ways::unwinds, Cause::Cpu),
];

fn watched(workers: usize) -> (Runtime, Monitor, StallLog) {
    let log = StallLog::default();
    let mut tokio = Builder::new_multi_thread();
    let builder = Monitor::builder().sink(log.clone());
    let threshold = Duration::from_millis(50);
    let builder = builder.stall_threshold(threshold);
    let built = builder.build(tokio.worker_threads(workers).enable_all());
    let (runtime, monitor) = built.unwrap();
    (runtime, monitor, log)
}

fn function(stall: &Stall) -> &str {
    stall
        .culprit
        .as_ref()
        .map_or("nobody", |culprit| &culprit.function)
}

fn of_a_hundred_stalls_each_is_blamed_on_its_own_code() {
    each_of_a_hundred_is_blamed_on_its_own_code(7);
}

fn of_a_hundred_others_each_is_blamed_on_its_own_code() {
    each_of_a_hundred_is_blamed_on_its_own_code(8);
}

fn of_a_last_hundred_each_is_blamed_on_its_own_code() {
    each_of_a_hundred_is_blamed_on_its_own_code(9);
}

/// The threshold is a setting of this test: so many at the default would take long.
fn each_of_a_hundred_is_blamed_on_its_own_code(seed: u64) {
    const STALLS: usize = 100;
    let (runtime, monitor, log) = watched(4);
    let mut dice = seed;
    let (mut wrong, mut innocent, mut open, mut spoiled) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..STALLS {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (name, way, cause) = WAYS[(dice >> 33) as usize % WAYS.len()];
        let length = Duration::from_millis(100 + (dice >> 40) % 100);
        let (before, begin) = (monitor.snapshot(), SystemTime::now());
        let task = runtime.spawn(async move {
            let worker = tokio::runtime::worker_index();
            way(length);
            worker
        });
        let worker = runtime.block_on(task).unwrap().unwrap();
        nothing_lasts(&monitor);
        let Some(told) = &end_of_next(&log, begin, &monitor, &before) else {
            spoiled += 1;
            continue;
        };
        assert_eq!(
            told.worker,
            loopmon::WorkerName::Index(worker),
            "{}",
            brief(told)
        );
        let expected = format!("culprits::crowd::ways::{name}");
        if function(told) != expected {
            wrong.push(format!(
                "{} instead of {name}: {:?}",
                function(told),
                told.unnamed
            ));
            if told.culprit.is_some() {
                innocent.push(function(told).to_owned());
            }
        } else if told.cause == Cause::Unknown {
            open += 1; // The looks at it were too close together, on a busy machine.
        } else if told.cause != cause {
            wrong.push(format!("{} instead of {cause} for {name}", told.cause));
        }
    }
    if spoiled * 5 > STALLS {
        support::late(&format!("{spoiled} of {STALLS} stalls"));
    }
    assert!(open * 10 <= STALLS, "no cause for {open} of {STALLS}");
    assert_eq!(innocent, [""; 0], "none is blamed for another's stall");
    assert!(
        wrong.len() * 100 <= STALLS,
        "{} of {STALLS}: {wrong:#?}",
        wrong.len()
    );
}

/// The end of the stall that has begun after `begin` and is over. `None` if the machine gave
/// the watchdog, or the stuck thread, no core.
fn end_of_next(
    log: &StallLog,
    begin: SystemTime,
    monitor: &Monitor,
    earlier: &loopmon::Snapshot,
) -> Option<Stall> {
    const LATE: Duration = Duration::from_millis(10);
    let host_lag = || monitor.snapshot().since(earlier).host_lag.max();
    let is_late = || host_lag().is_some_and(|lag| lag > LATE);
    let told = || {
        log.of(Phase::Ended)
            .into_iter()
            .find(|stall| stall.at.wall >= begin)
    };
    let told = wait_until(
        || told().filter(|_| !is_late()).ok_or_else(is_late),
        |told| !matches!(told, Err(false)),
    );
    told.ok().filter(|stall| stall.cause != Cause::Descheduled)
}

fn more_workers_at_once_than_questions_wait_are_all_named() {
    const WORKERS: usize = 64;
    let log = StallLog::default();
    let mut tokio = Builder::new_multi_thread();
    let builder = Monitor::builder().sink(log.clone());
    let built = builder.build(tokio.worker_threads(WORKERS).enable_all());
    let (runtime, _monitor) = built.unwrap();
    // Each has woken once, so that it is known where it runs.
    let metrics = runtime.metrics();
    let parked = || {
        let counts = (0..WORKERS).map(|worker| metrics.worker_park_unpark_count(worker));
        counts.filter(|count| count % 2 == 1).count()
    };
    wait_until(parked, |parked| *parked == WORKERS);
    let meet = Arc::new(Barrier::new(WORKERS));
    for _ in 0..WORKERS {
        let meet = Arc::clone(&meet);
        runtime.spawn(async move { _ = meet.wait() });
    }
    wait_until(|| Arc::strong_count(&meet), |count| *count == 1);
    for _ in 0..WORKERS {
        runtime.spawn(async { blockers::until_told() });
    }
    let told = log.wait_for(Phase::Started, WORKERS);
    set_told(true);
    for stall in &told {
        assert_eq!(
            function(stall),
            "culprits::blockers::until_told",
            "{}",
            brief(stall)
        );
    }
}

fn two_workers_stuck_in_different_functions_are_not_swapped() {
    let (runtime, _monitor, log) = watched(4);
    for round in 0..20 {
        let ways = [
            WAYS[round % WAYS.len()],
            WAYS[(round + 1 + round / 9) % WAYS.len()],
        ];
        let (tell, workers) = mpsc::channel();
        for (name, way, _) in ways {
            let tell = tell.clone();
            runtime.spawn(async move {
                let worker = tokio::runtime::worker_index().unwrap();
                tell.send((worker, name)).expect("somebody waits");
                way(LONG.max(Duration::from_millis(300)));
            });
        }
        let blocked: Vec<_> = workers.iter().take(2).collect();
        let told = wait_until(
            || log.of(Phase::Ended),
            |told| told.len() >= 2 * (round + 1),
        );
        for stall in &told[2 * round..] {
            let is_its =
                |(worker, _): &&(usize, &str)| stall.worker == loopmon::WorkerName::Index(*worker);
            let (_, name) = blocked.iter().find(is_its).expect("it was blocked");
            if stall.culprit.is_some() {
                let expected = format!("culprits::crowd::ways::{name}");
                assert_eq!(function(stall), expected, "{}", brief(stall));
            }
        }
    }
    let named = log
        .of(Phase::Ended)
        .iter()
        .filter(|stall| stall.culprit.is_some())
        .count();
    assert!(named >= 38, "{named} of 40 were named");
}
