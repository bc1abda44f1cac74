//! What takes long and is no stall: nothing is told of it. Each time a stall that
//! follows is told all the same, so that the silence is not blindness.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::stalls::{beside, current_thread, keep_worker, multi_thread, watched, watched_by};
use crate::support::{
    Blocker, Gate, Kind, Program, StallLog, Suite, THRESHOLD, late, program, stdin_ends, wait_until,
};
use loopmon::{Cause, Monitor, Phase};
use nix::sys::signal::Signal;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, block_in_place, spawn_blocking, yield_now};

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(is_busy_with_short_polls)
        .program(is_idle)
        .program(is_in_short_calls)
        .punctual(block_in_place_is_no_stall)
        .punctual(work_on_other_threads_is_no_stall)
        .punctual(idling_is_no_stall)
        .punctual(a_yield_storm_is_no_stall)
        .punctual(tasks_of_a_local_set_are_no_stall)
        .punctual(saturation_with_short_polls_is_no_stall)
        .punctual(a_paused_clock_is_no_stall)
        .punctual(sixty_four_workers_that_start_are_no_stall)
        .punctual(a_worker_whose_thread_is_slow_to_start_is_no_stall)
        .punctual(a_runtime_that_nobody_drives_is_no_stall)
        .punctual(code_between_two_block_ons_is_no_stall)
        .test(a_suspended_process_is_no_stall)
}

/// Long enough for whatever is mistaken for a stall.
pub(crate) const LONG: Duration = THRESHOLD.saturating_mul(3);

pub(crate) async fn sleep_long() {
    tokio::time::sleep(LONG).await;
}

/// Nothing was told until now.
#[track_caller]
pub(crate) fn is_silent(monitor: &Monitor, log: &StallLog) {
    let (snapshot, told) = (monitor.snapshot(), log.all());
    // Whatever the machine does, nobody is blamed for it.
    let blames = |cause: Cause| matches!(cause, Cause::Cpu | Cause::Blocking);
    assert!(!told.iter().any(|stall| blames(stall.cause)), "{told:#?}");
    let mut causes = snapshot.stalls.by_cause.iter();
    assert!(!causes.any(|totals| blames(totals.cause)), "{snapshot:#?}");
    let spoiled = snapshot.host_lag.max() > Some(THRESHOLD / 4)
        || STARVED.load(Ordering::Relaxed)
        || told.iter().any(|stall| stall.cause == Cause::Descheduled);
    if (snapshot.stalls.started() > 0 || !told.is_empty()) && spoiled {
        late("the machine was late itself");
    }
    assert_eq!(snapshot.stalls.started(), 0, "{told:#?}");
    assert_eq!(told.len(), 0, "{told:#?}");
}

/// Nothing was told until now, but a task that keeps its worker is.
#[track_caller]
pub(crate) fn is_silent_and_not_blind(runtime: &Runtime, monitor: &Monitor, log: &StallLog) {
    is_silent(monitor, log);
    let blocker = Blocker::new(Kind::Pipe);
    let trap = blocker.trap();
    runtime.spawn(async move { trap() });
    let told = log.clone();
    let checked = beside(move || told.tells_all(&[blocker]));
    runtime.block_on(monitor.root(checked));
}

/// One runtime of each kind.
fn each_kind() -> [Builder; 2] {
    [multi_thread(2), current_thread()]
}

/// On runtimes of each kind, one after the other, driven by a watched root.
fn on_each_kind<F: Future<Output = ()>>(run: impl Fn() -> F) {
    for tokio in each_kind() {
        let (runtime, monitor, log) = watched(tokio);
        runtime.block_on(monitor.root(run()));
        is_silent_and_not_blind(&runtime, &monitor, &log);
        monitor.shutdown();
    }
}

fn block_in_place_is_no_stall() {
    let (runtime, monitor, log) = watched(multi_thread(2));
    for _ in 0..2 {
        let in_place = runtime.spawn(async { block_in_place(|| thread::sleep(LONG)) });
        runtime.block_on(in_place).unwrap();
    }
    let at_once = (0..4).map(|_| runtime.spawn(async { block_in_place(|| thread::sleep(LONG)) }));
    for in_place in at_once.collect::<Vec<_>>() {
        runtime.block_on(in_place).unwrap();
    }
    is_silent_and_not_blind(&runtime, &monitor, &log);
}

fn work_on_other_threads_is_no_stall() {
    on_each_kind(async || spawn_blocking(|| thread::sleep(LONG)).await.unwrap());
}

fn idling_is_no_stall() {
    on_each_kind(sleep_long);
    let (runtime, monitor, log) = watched(multi_thread(4));
    // Nobody is in `block_on` either.
    thread::sleep(LONG);
    is_silent_and_not_blind(&runtime, &monitor, &log);
}

/// Tasks that run `step` without pause for a long time.
async fn storm(step: impl Fn() + Copy + Send + 'static) {
    let over = Instant::now() + LONG;
    let tasks = (0..8).map(|_| {
        tokio::spawn(async move {
            while Instant::now() < over {
                step();
                yield_now().await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn a_yield_storm_is_no_stall() {
    on_each_kind(async || storm(|| ()).await);
}

/// Whether the machine gave no core to a thread that had short polls to run.
static STARVED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static LAST_POLL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Much shorter than the threshold, and as many as Tokio runs between two looks at its
/// drivers are, too.
fn short_poll() {
    let end = Instant::now() + Duration::from_micros(200);
    while Instant::now() < end {}
    let last = LAST_POLL.replace(Some(Instant::now()));
    if last.is_some_and(|last| last.elapsed() > THRESHOLD / 4) {
        STARVED.store(true, Ordering::Relaxed);
    }
}

fn saturation_with_short_polls_is_no_stall() {
    on_each_kind(async || storm(short_poll).await);
}

fn tasks_of_a_local_set_are_no_stall() {
    on_each_kind(async || {
        let over = Instant::now() + LONG;
        let local = LocalSet::new();
        for _ in 0..8 {
            local.spawn_local(async move {
                while Instant::now() < over {
                    short_poll();
                    yield_now().await;
                }
            });
        }
        local.await;
    });
}

fn a_paused_clock_is_no_stall() {
    let mut tokio = current_thread();
    tokio.start_paused(true);
    let (runtime, monitor, log) = watched(tokio);
    runtime.block_on(monitor.root(async {
        let begin = Instant::now();
        while begin.elapsed() < LONG {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        // A clock does not go on while such work is done.
        spawn_blocking(|| thread::sleep(LONG)).await.unwrap();
    }));
    is_silent_and_not_blind(&runtime, &monitor, &log);
}

fn sixty_four_workers_that_start_are_no_stall() {
    const TIMES: u32 = 10;
    let (runtime, monitor, log) = watched(multi_thread(64));
    for _ in 0..TIMES {
        let (more, other) = Monitor::builder().build(&mut multi_thread(64)).unwrap();
        thread::sleep(2 * THRESHOLD / TIMES);
        is_silent(&other, &log);
        drop(more);
        other.shutdown();
    }
    is_silent_and_not_blind(&runtime, &monitor, &log);
}

/// One that has started is told meanwhile.
fn a_worker_whose_thread_is_slow_to_start_is_no_stall() {
    let (gate, first) = (Gate::default(), AtomicBool::new(true));
    let waits = gate.clone();
    let builder = Monitor::builder().on_thread_start(move || {
        if first.swap(false, Ordering::Relaxed) {
            wait_until(|| waits.is_open(), |open| *open);
        }
    });
    let (runtime, monitor, log) = watched_by(builder, &mut multi_thread(2));
    wait_until(
        || (0..2).any(|worker| runtime.metrics().worker_park_unpark_count(worker) > 0),
        |other_has_parked| *other_has_parked,
    );
    thread::sleep(LONG);
    is_silent(&monitor, &log);
    log.tells_all(&[keep_worker(&runtime, Kind::Lock)]);
    gate.open();
    log.tells_all(&[Kind::Sleep, Kind::Pipe].map(|kind| keep_worker(&runtime, kind)));
}

fn a_runtime_that_nobody_drives_is_no_stall() {
    let (built, monitor, log) = watched(current_thread());
    let attached = current_thread().build().unwrap();
    let other = Monitor::builder().attach(attached.handle()).unwrap();
    for runtime in [&built, &attached] {
        runtime.spawn(async { yield_now().await });
    }
    thread::sleep(LONG);
    is_silent(&other, &log);
    is_silent_and_not_blind(&built, &monitor, &log);
    let blocker = Blocker::new(Kind::Sleep);
    let (told, trap) = (log.clone(), blocker.trap());
    let checked = beside(move || told.tells_all(&[blocker]));
    attached.block_on(other.root(async {
        trap();
        checked.await;
    }));
}

fn code_between_two_block_ons_is_no_stall() {
    let (built, monitor, log) = watched(current_thread());
    let (threads, on_threads) = Monitor::builder().build(&mut multi_thread(1)).unwrap();
    for _ in 0..2 {
        // Watched and not.
        built.block_on(monitor.root(yield_now()));
        threads.block_on(on_threads.root(yield_now()));
        thread::sleep(LONG);
        built.block_on(yield_now());
        threads.block_on(yield_now());
        thread::sleep(LONG);
    }
    is_silent(&on_threads, &log);
    is_silent_and_not_blind(&built, &monitor, &log);
    log.tells_all(&[keep_worker(&threads, Kind::Lock)]);
}

/// Runs tasks of `step` on one worker of two, and tells how many stalls that makes. A
/// stall of its own making comes last.
fn works_until_stdin_ends(step: impl Fn() + Send + 'static) {
    let (runtime, monitor, log) = watched_by(Monitor::builder(), &mut multi_thread(2));
    let over = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&over);
    let working = runtime.spawn(async move {
        while !ends.load(Ordering::Relaxed) {
            step();
            yield_now().await;
        }
    });
    println!("ready");
    runtime.block_on(monitor.root(stdin_ends()));
    println!("{} stalls", monitor.snapshot().stalls.started());
    over.store(true, Ordering::Relaxed);
    runtime.block_on(working).unwrap();
    let before = log.of(Phase::Started).len();
    log.tells_all(&[keep_worker(&runtime, Kind::Pipe)]);
    assert_eq!(log.of(Phase::Started).len(), before + 1);
}

fn is_busy_with_short_polls() {
    works_until_stdin_ends(short_poll);
}

fn is_idle() {
    let (runtime, monitor, log) = watched(multi_thread(2));
    println!("ready");
    runtime.block_on(monitor.root(stdin_ends()));
    println!("{} stalls", monitor.snapshot().stalls.started());
    log.tells_all(&[keep_worker(&runtime, Kind::Pipe)]);
}

/// Most of the time it is in a call of the system, never for long.
fn is_in_short_calls() {
    works_until_stdin_ends(|| thread::sleep(THRESHOLD / 1000));
}

/// The program is suspended several times, each time for long.
fn is_suspended(program: Program) {
    let mut running = program.stdin(std::process::Stdio::piped()).start();
    wait_until(|| running.stdout_so_far(), |said| said.contains("ready"));
    for _ in 0..4 {
        running.signal(Signal::SIGSTOP);
        wait_until(|| running.state(), |state| *state == 'T');
        thread::sleep(LONG);
        running.signal(Signal::SIGCONT);
        wait_until(|| running.state(), |state| *state != 'T');
        // Not always at the same point of a tick.
        thread::sleep(THRESHOLD / 7);
    }
    running.go_on();
    running.end().prints("ready\n0 stalls\n");
}

fn a_suspended_process_is_no_stall() {
    is_suspended(program(is_busy_with_short_polls));
    is_suspended(program(is_idle));
    is_suspended(program(is_in_short_calls));
}
