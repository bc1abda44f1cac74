//! Only the worker's own thread is blamed, wherever the worker runs.

use std::backtrace::Backtrace;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use loopmon::{Monitor, MonitorBuilder, Phase};
use tokio::runtime::{Builder, Runtime};
use tokio::task::block_in_place;

use crate::blockers;
use crate::scene::{LONG, brief, next_named, set_told};
use crate::support::{StallLog, Suite, wait_until};

pub(super) fn suite() -> Suite {
    Suite::default()
        .check(the_first_task_ever_is_named)
        .check(a_worker_that_was_just_in_place_is_named)
        .check(nobody_is_blamed_for_what_another_does_in_place)
        .check(a_runtime_without_hooks_has_names)
        .check(without_backtraces_there_is_no_handler_and_the_reason_is_told)
        .check(a_crate_that_is_said_to_be_own_is_blamed)
        .check(what_a_mismatched_handler_hides_is_told_without_a_name)
        .check(the_hotspots_are_those_that_were_told)
        .check(backtraces_of_the_program_go_on_while_code_is_named)
        .check(more_threads_than_have_a_place_hide_no_name)
}

fn multi_thread(workers: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all();
    builder
}

fn watched(builder: MonitorBuilder, workers: usize) -> (Runtime, Monitor, StallLog) {
    let log = StallLog::default();
    let built = builder.sink(log.clone()).build(&mut multi_thread(workers));
    let (runtime, monitor) = built.unwrap();
    (runtime, monitor, log)
}

#[track_caller]
fn is_named(log: &StallLog, before: usize, function: &str) {
    let (stall, culprit) = next_named(log, before);
    set_told(true);
    assert_eq!(*culprit.function, *function, "{}", brief(&stall));
    wait_until(|| log.of(Phase::Ended).len(), |ended| *ended > before);
    set_told(false);
}

/// No worker has woken before it, so no hook has said where it runs.
fn the_first_task_ever_is_named() {
    for (block, function) in [
        (blockers::sleep as fn(), "culprits::blockers::sleep"),
        (blockers::computing, "culprits::blockers::computing"),
    ] {
        let (runtime, monitor, log) = watched(Monitor::builder(), 1);
        runtime.spawn(async move { block() });
        is_named(&log, 0, function);
        drop(runtime);
        monitor.shutdown();
    }
}

/// The only worker has moved to a thread that no hook has told of.
fn a_worker_that_was_just_in_place_is_named() {
    for (block, function) in [
        (blockers::sleep as fn(), "culprits::blockers::sleep"),
        (blockers::computing, "culprits::blockers::computing"),
        (blockers::mutex, "culprits::blockers::mutex"),
    ] {
        let (runtime, monitor, log) = watched(Monitor::builder(), 1);
        let (leave, left) = std::sync::mpsc::channel::<()>();
        let (enter, entered) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            block_in_place(|| {
                enter.send(()).unwrap();
                left.recv().unwrap_err();
            });
        });
        entered.recv().unwrap();
        runtime.spawn(async move { block() });
        is_named(&log, 0, function);
        drop(leave);
        drop(runtime);
        monitor.shutdown();
    }
}

fn nobody_is_blamed_for_what_another_does_in_place() {
    let (runtime, _monitor, log) = watched(Monitor::builder(), 2);
    // Two workers move on to other threads; these stay in place, asleep and computing.
    let asleep = runtime.spawn(async { block_in_place(|| thread::sleep(LONG * 3)) });
    let busy = runtime.spawn(async { block_in_place(blockers::computing) });
    runtime.spawn(async { blockers::condvar() });
    let (stall, culprit) = next_named(&log, 0);
    assert_eq!(
        *culprit.function,
        *"culprits::blockers::condvar",
        "{}",
        brief(&stall)
    );
    set_told(true);
    runtime.block_on(async {
        asleep.await.unwrap();
        busy.await.unwrap();
    });
    assert_eq!(log.of(Phase::Started).len(), 1, "in place is no stall");
}

fn a_runtime_without_hooks_has_names() {
    let runtime = multi_thread(2).build().unwrap();
    let log = StallLog::default();
    let builder = Monitor::builder().sink(log.clone());
    let monitor = builder.attach(runtime.handle()).unwrap();
    // The probe has been on each worker before, as it has in any program that is not new.
    wait_until(|| monitor.snapshot().lag.count(), |pings| *pings >= 8);
    for (round, (block, function)) in [
        (blockers::sleep as fn(), "culprits::blockers::sleep"),
        (blockers::computing, "culprits::blockers::computing"),
    ]
    .into_iter()
    .enumerate()
    {
        runtime.spawn(async move { block() });
        is_named(&log, round, function);
    }
}

/// The signals that this process has handlers for, a bit each.
fn caught() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
}

const SIGURG: u64 = 1 << (23 - 1);

fn without_backtraces_there_is_no_handler_and_the_reason_is_told() {
    let builder = Monitor::builder().backtrace(loopmon::Backtrace::Never);
    let (runtime, monitor, log) = watched(builder, 2);
    runtime.spawn(async { blockers::sleep() });
    let told = log.wait_for(Phase::Started, 1);
    assert_eq!(told[0].culprit, None);
    let reason = told[0].unnamed.as_deref().unwrap_or_default();
    assert!(reason.contains("never"), "{}", brief(&told[0]));
    assert_eq!(caught() & SIGURG, 0);
    drop(runtime);
    monitor.shutdown();
    // With them there is one, and when all is over there is none.
    let (runtime, monitor, _log) = watched(Monitor::builder(), 2);
    wait_until(caught, |caught| caught & SIGURG != 0);
    drop(runtime);
    monitor.shutdown();
    assert_eq!(caught() & SIGURG, 0);
}

fn a_crate_that_is_said_to_be_own_is_blamed() {
    let (runtime, _monitor, log) = watched(Monitor::builder().own("minreq"), 2);
    runtime.spawn(async { blockers::http() });
    let (stall, culprit) = next_named(&log, 0);
    set_told(true);
    assert!(
        culprit.function.starts_with("minreq::"),
        "{}",
        brief(&stall)
    );
    assert!(culprit.own);
}

/// The program sets a handler of its own for the signal, after loopmon has.
fn what_a_mismatched_handler_hides_is_told_without_a_name() {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    extern "C" fn handle(_: i32) {}
    let (runtime, _monitor, log) = watched(Monitor::builder(), 2);
    wait_until(caught, |caught| caught & SIGURG != 0);
    let action = SigAction::new(
        SigHandler::Handler(handle),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGURG, &action).unwrap() };
    runtime.spawn(async { blockers::computing() });
    let told = log.wait_for(Phase::Started, 1);
    set_told(true);
    assert_eq!(told[0].culprit, None);
    assert!(told[0].unnamed.is_some(), "{}", brief(&told[0]));
    wait_until(|| log.of(Phase::Ended).len(), |ended| *ended == 1);
    // Who sleeps is named all the same.
    set_told(false);
    runtime.spawn(async { blockers::mutex() });
    is_named(&log, 1, "culprits::blockers::mutex");
}

fn the_hotspots_are_those_that_were_told() {
    let (runtime, monitor, log) = watched(Monitor::builder(), 2);
    for (round, block) in [blockers::sleep as fn(), blockers::mutex, blockers::sleep]
        .into_iter()
        .enumerate()
    {
        set_told(false);
        runtime.spawn(async move { block() });
        next_named(&log, round);
        set_told(true);
        wait_until(|| log.of(Phase::Ended).len(), |ended| *ended > round);
    }
    let hotspots = monitor.hotspots();
    let counts: Vec<_> = hotspots
        .iter()
        .map(|hotspot| (&*hotspot.function, hotspot.count))
        .collect();
    assert_eq!(
        counts,
        [
            ("culprits::blockers::sleep", 2),
            ("culprits::blockers::mutex", 1)
        ],
        "{hotspots:#?}"
    );
}

/// Whoever resolves a backtrace holds a lock of std's; loopmon does without it.
fn backtraces_of_the_program_go_on_while_code_is_named() {
    const STALLS: usize = 5;
    let (runtime, _monitor, log) = watched(Monitor::builder(), 2);
    let counts: Arc<[AtomicUsize; 3]> = Arc::default();
    for thread in 0..counts.len() {
        let counts = Arc::clone(&counts);
        thread::spawn(move || {
            loop {
                let backtrace = Backtrace::force_capture().to_string();
                assert!(backtrace.contains("backtraces_of_the_program"));
                counts[thread].fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let taken = || [0, 1, 2].map(|thread| counts[thread].load(Ordering::Relaxed));
    for round in 0..STALLS {
        let before = taken();
        runtime.spawn(async { blockers::mutex() });
        next_named(&log, round);
        // The worker is still stuck.
        wait_until(taken, |now| {
            now.iter().zip(before).all(|(now, before)| *now > before)
        });
        set_told(true);
        wait_until(|| log.of(Phase::Ended).len(), |ended| *ended > round);
        set_told(false);
    }
}

/// There is room for 256 of a runtime's threads.
fn more_threads_than_have_a_place_hide_no_name() {
    let (runtime, monitor, log) = watched(Monitor::builder(), 2);
    let leave = Arc::new(Mutex::new(()));
    let held = leave.lock().unwrap();
    for _ in 0..300 {
        let leave = Arc::clone(&leave);
        runtime.spawn_blocking(move || drop(leave.lock()));
    }
    wait_until(
        || monitor.snapshot().threads,
        |threads| threads.is_some_and(|count| count > 300),
    );
    runtime.spawn(async { blockers::mutex() });
    is_named(&log, 0, "culprits::blockers::mutex");
    drop(held);
}
