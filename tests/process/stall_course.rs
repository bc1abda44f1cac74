//! What is told in the course of a stall: when it began, how long it lasts, why, and
//! how late the loop is because of it.

use std::future::Future as _;
use std::io::Write as _;
use std::os::unix::net::UnixStream as StdStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::stalls::{keep_worker, multi_thread, watched, watched_by};
use crate::support::{
    Blocker, Gate, Kind, Suite, THRESHOLD, late, nothing_lasts, only_started, wait_until,
};
use loopmon::{Cause, Monitor, Phase, Stall, Stalls, WorkerName};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::Sleep;

pub(super) fn suite() -> Suite {
    Suite::default()
        .check(the_true_length_lies_within_the_bounds_that_are_told)
        .check(a_long_stall_is_told_again_at_each_doubling)
        .punctual(two_blocks_with_a_park_between_are_two_stalls)
        .check(two_blocks_in_a_row_are_one_stall_as_long_as_both)
        .check(numbers_grow_while_a_stall_lasts_and_never_fall)
        .punctual(an_event_that_waits_behind_the_stall_shows_as_lag)
        .punctual(timers_that_keep_the_only_worker_are_told_as_the_driver)
        .punctual(timers_that_keep_one_of_two_workers_are_told_as_the_driver)
}

/// When a worker was last seen in a park, and when it was out of it again.
#[derive(Clone, Debug, Default)]
struct Parks(Arc<Mutex<Vec<(&'static str, Instant)>>>);

impl Parks {
    fn note(&self, what: &'static str) -> impl Fn() + Send + Sync + 'static {
        let notes = Arc::clone(&self.0);
        move || notes.lock().unwrap().push((what, Instant::now()))
    }

    /// The time between the two parks around `during`, no shorter than in truth.
    fn around(&self, during: Instant) -> Duration {
        let find = || {
            let notes = self.0.lock().unwrap();
            let begin = notes.iter().rfind(|n| n.0 == "park" && n.1 <= during);
            let end = notes.iter().find(|n| n.0 == "unpark" && n.1 > during);
            // A worker that has never parked has not been there for longer than its runtime.
            Some(end?.1 - begin.map_or(notes.first()?.1, |begin| begin.1))
        };
        wait_until(find, Option::is_some).unwrap()
    }
}

fn the_true_length_lies_within_the_bounds_that_are_told() {
    let parks = Parks::default();
    parks.note("build")();
    let builder = Monitor::builder()
        .stall_threshold(Duration::from_millis(100))
        .on_thread_unpark(parks.note("unpark"));
    let mut tokio = multi_thread(1);
    tokio.on_thread_park(parks.note("park"));
    let (runtime, _monitor, log) = watched_by(builder, &mut tokio);
    for (index, kind) in Kind::ALL.into_iter().enumerate() {
        let blocker = keep_worker(&runtime, kind);
        let length = Duration::from_millis(150) * u32::try_from(index + 1).unwrap();
        let id = log.wait_for(Phase::Started, index + 1)[index].id;
        blocker.let_go_after(length);
        let ended = log.tells_the_end(&blocker, id);
        // Out of the park that follows, if it is not out of it already.
        runtime.block_on(runtime.spawn(async {})).unwrap();
        let at_most = parks.around(blocker.note().begin);
        assert!(at_least(&ended) <= at_most, "{ended:#?} was {at_most:?}");
    }
}

fn a_long_stall_is_told_again_at_each_doubling() {
    let (runtime, _monitor, log) = watched(multi_thread(1));
    // It computes, and is not taken for the driver.
    let blocker = keep_worker(&runtime, Kind::Spin);
    log.wait_for(Phase::Ongoing, 2);
    blocker.let_go();
    let (_, id) = only_started(&log);
    log.tells_the_end(&blocker, id);
    let phases = [Phase::Started, Phase::Ongoing, Phase::Ongoing, Phase::Ended];
    assert_eq!(log.phases(), phases);
    let told = log.all();
    assert!(told.iter().all(|stall| stall.id == id), "{told:#?}");
    for (stall, times) in told.iter().zip([1, 2, 4, 4]) {
        assert!(stall.duration >= THRESHOLD * times, "{told:#?}");
    }
    assert!(told.is_sorted_by_key(at_least), "{told:#?}");
}

fn at_least(stall: &Stall) -> Duration {
    let error = stall.duration_error;
    stall.duration.checked_sub(error).unwrap()
}

fn two_blocks_with_a_park_between_are_two_stalls() {
    let (runtime, _monitor, log) = watched(multi_thread(1));
    let blockers = [Kind::Pipe, Kind::Spin].map(Blocker::new);
    let traps = blockers.each_ref().map(Blocker::trap);
    let (go_on, gone_on) = oneshot::channel();
    runtime.spawn(async move {
        let [first, second] = traps;
        first();
        gone_on.await.unwrap();
        second();
    });
    log.tells_all(&blockers[..1]);
    go_on.send(()).unwrap();
    log.tells_all(&blockers[1..]);
}

fn two_blocks_in_a_row_are_one_stall_as_long_as_both() {
    let (runtime, _monitor, log) = watched(multi_thread(1));
    let blockers = [Kind::Lock, Kind::Sleep].map(Blocker::new);
    let traps = blockers.each_ref().map(Blocker::trap);
    runtime.spawn(async move {
        for trap in traps {
            tokio::spawn(async move { trap() });
        }
    });
    // Tokio decides which comes first.
    let (first, second) = match wait_until(
        || blockers.each_ref().map(Blocker::has_begun),
        |begun| *begun != [false; 2],
    ) {
        [true, _] => (&blockers[0], &blockers[1]),
        _ => (&blockers[1], &blockers[0]),
    };
    let (_, id) = only_started(&log);
    first.let_go_after(THRESHOLD);
    second.let_go_after(THRESHOLD);
    let ended = log.tells_the_end(second, id);
    assert!(ended.duration >= first.length() + second.length());
    assert_eq!(only_started(&log).1, id);
    assert_eq!(log.of(Phase::Ended).len(), 1);
}

/// What a snapshot has of stalls, in the order in which it was taken.
fn watch_numbers(monitor: &Monitor, until: &Gate) -> thread::JoinHandle<Vec<Stalls>> {
    let (monitor, until) = (monitor.clone(), until.clone());
    thread::spawn(move || {
        let mut seen = vec![];
        while !until.is_open() {
            seen.push(monitor.snapshot().stalls);
            thread::sleep(Duration::from_millis(1));
        }
        seen.push(monitor.snapshot().stalls);
        seen
    })
}

fn numbers_grow_while_a_stall_lasts_and_never_fall() {
    let (runtime, monitor, log) = watched(multi_thread(2));
    let over = Gate::default();
    let watcher = watch_numbers(&monitor, &over);
    let mut kept = Duration::ZERO;
    for round in 1..=3 {
        let blocker = keep_worker(&runtime, Kind::Pipe);
        log.wait_for(Phase::Started, round);
        let mut before = monitor.snapshot().stalls;
        for _ in 0..5 {
            assert_eq!((before.active, before.started()), (1, round as u64));
            before = wait_until(
                || monitor.snapshot().stalls,
                |now| now.age > before.age && now.time() > before.time(),
            );
        }
        blocker.let_go();
        kept += blocker.length();
        nothing_lasts(&monitor);
        assert!(monitor.snapshot().stalls.time() >= kept);
    }
    over.open();
    let seen = watcher.join().unwrap();
    assert!(seen.is_sorted_by_key(Stalls::time), "{seen:#?}");
    assert!(seen.is_sorted_by_key(Stalls::started), "{seen:#?}");
}

/// Two tasks wait for an event each. The first takes its own from the driver, and keeps
/// its worker; nobody looks for the event of the second meanwhile. Tells how long that
/// waited, and calls `at_the_end` right before the first goes on.
fn starves_the_driver(runtime: &Runtime, blocker: &Blocker, at_the_end: impl FnOnce()) -> Duration {
    let [(mut wake_first, first), (mut wake_second, second)] =
        [StdStream::pair(), StdStream::pair()].map(Result::unwrap);
    let trap = blocker.trap();
    let (listens, listening) = std::sync::mpsc::channel();
    let (ran, wait) = std::sync::mpsc::channel();
    let listen = move |socket: StdStream| {
        socket.set_nonblocking(true).unwrap();
        let socket = UnixStream::from_std(socket).unwrap();
        listens.send(()).unwrap();
        socket
    };
    let also_listen = listen.clone();
    runtime.spawn(async move {
        listen(first).read_u8().await.unwrap();
        trap();
    });
    runtime.spawn(async move {
        also_listen(second).read_u8().await.unwrap();
        ran.send(Instant::now()).unwrap();
    });
    for _ in 0..2 {
        listening.recv().unwrap();
    }
    // Until all workers have parked again.
    thread::sleep(Duration::from_millis(50));
    wake_first.write_all(&[1]).unwrap();
    blocker.note();
    let written = Instant::now();
    wake_second.write_all(&[1]).unwrap();
    wait_until(|| written.elapsed(), |waits| *waits >= 3 * THRESHOLD);
    at_the_end();
    blocker.let_go();
    wait.recv().unwrap() - written
}

fn an_event_that_waits_behind_the_stall_shows_as_lag() {
    let (runtime, monitor, log) = watched(multi_thread(4));
    let blocker = Blocker::new(Kind::Sleep);
    let mut shown = None;
    let waited = starves_the_driver(&runtime, &blocker, || shown = monitor.lag());
    if waited < blocker.length() / 2 {
        late("another worker looked at the driver");
    }
    let (_, id) = only_started(&log);
    let told = log.tells_the_end(&blocker, id).lag;
    for lag in [shown, told] {
        let share = lag.unwrap_or_default().div_duration_f64(waited);
        let host_lag = monitor.snapshot().host_lag.max().unwrap_or_default();
        if share < 0.9 && host_lag > waited / 50 {
            late(&format!("the watchdog was {host_lag:?} late"));
        }
        assert!(share >= 0.9, "{share}: {lag:?} of {waited:?}");
    }
}

/// As many timers as can be set in a second, and until when they are: all are due then.
async fn set_timers() -> (Vec<Pin<Box<Sleep>>>, Instant) {
    let begin = Instant::now();
    let due = begin + 2 * Duration::from_secs(1);
    let mut timers = Vec::new();
    while begin.elapsed() < Duration::from_secs(1) {
        for _ in 0..1000 {
            timers.push(Box::pin(tokio::time::sleep_until(due.into())));
            let timer = timers.last_mut().unwrap();
            std::future::poll_fn(|context| {
                assert!(timer.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        tokio::task::yield_now().await;
    }
    (timers, due)
}

/// The stalls that are told while this runtime has many timers due at once.
fn timers_are_told_as(worker: WorkerName, workers: usize) {
    let builder = Monitor::builder()
        .interval(Duration::from_millis(1))
        .stall_threshold(Duration::from_millis(20));
    let (runtime, monitor, log) = watched_by(builder, &mut multi_thread(workers));
    let fired = runtime.spawn(async {
        let (timers, due) = set_timers().await;
        let count = timers.len();
        for timer in timers {
            timer.await;
        }
        (count, due.elapsed())
    });
    let (count, took) = runtime.block_on(fired).unwrap();
    monitor.shutdown();
    let by_driver = |stall: &Stall| stall.cause == Cause::Driver;
    let mut told = log.of(Phase::Started);
    told.retain(by_driver);
    if told.is_empty() {
        late(&format!("{count} timers took only {took:?}"));
    }
    assert!(told.iter().all(|stall| stall.worker == worker), "{told:#?}");
    assert!(told.iter().all(|stall| stall.lag.is_some()), "{told:#?}");
    assert_eq!(
        log.of(Phase::Ended).into_iter().filter(by_driver).count(),
        told.len()
    );
}

fn timers_that_keep_the_only_worker_are_told_as_the_driver() {
    timers_are_told_as(WorkerName::Index(0), 1);
}

fn timers_that_keep_one_of_two_workers_are_told_as_the_driver() {
    timers_are_told_as(WorkerName::Driver, 2);
}
