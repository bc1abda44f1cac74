//! What is begun comes to an end: of a monitored runtime nothing of ours is left.

use std::fs;

use crate::stalls::{keep_worker, watched};
use crate::support::{
    Kind, Suite, Told, alive_tasks, descriptors, nothing_lasts, threads, wait_until,
};
use loopmon::{Monitor, Probe};
use nix::sys::signal::Signal;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::yield_now;

pub(super) fn suite() -> Suite {
    Suite::default()
        .check(shutdown_leaves_nothing_of_a_multi_thread_runtime)
        .check(shutdown_leaves_nothing_of_a_current_thread_runtime)
        .check(shutdown_leaves_nothing_of_a_local_runtime)
        .check(the_end_of_a_runtime_leaves_nothing_without_shutdown)
        .check(a_runtime_that_never_ran_leaves_nothing)
        .check(a_monitor_that_is_kept_keeps_no_driver_open)
        .check(shutdown_leaves_nothing_of_what_named_a_stall)
        .check(a_hundred_starts_with_other_sinks_leave_nothing)
        .check(shutdown_may_be_called_twice)
        .check(shutdown_of_one_runtime_leaves_the_other_monitored)
}

/// How many threads this process has, and its descriptors.
type Resources = (usize, Vec<String>);

fn resources() -> Resources {
    (threads().len(), descriptors())
}

fn multi_thread() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    builder
}

fn current_thread() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

/// Monitors the runtime that this runs on, and stops.
async fn shutdown_leaves_nothing() {
    // The drivers of Tokio may open what all runtimes share.
    let before = resources();
    assert_eq!(alive_tasks(), 0);
    for probe in [Probe::Io, Probe::Timer, Probe::None] {
        let monitor = Monitor::builder().probe(probe).start().unwrap();
        assert_eq!(alive_tasks(), 1);
        assert!(resources().0 > before.0, "the watchdog and a sink");
        monitor.shutdown();
        assert_eq!(resources().0, before.0, "the threads end before it returns");
        while alive_tasks() > 0 {
            yield_now().await;
        }
        // On several workers, the last reference to the task goes a little later.
        wait_until(resources, |now| *now == before);
        assert_eq!(monitor.active_tasks(), None);
        assert!(loopmon::current().is_none());
    }
}

fn shutdown_leaves_nothing_of_a_multi_thread_runtime() {
    let runtime = multi_thread().build().unwrap();
    runtime.block_on(shutdown_leaves_nothing());
}

fn shutdown_leaves_nothing_of_a_current_thread_runtime() {
    let runtime = current_thread().build().unwrap();
    runtime.block_on(shutdown_leaves_nothing());
}

fn shutdown_leaves_nothing_of_a_local_runtime() {
    let runtime = current_thread().build_local(LocalOptions::default());
    runtime.unwrap().block_on(shutdown_leaves_nothing());
}

/// What is there before any runtime, but with what Tokio opens only once.
fn resources_without_a_runtime() -> Resources {
    drop(current_thread().build().unwrap());
    resources()
}

fn the_end_of_a_runtime_leaves_nothing_without_shutdown() {
    let before = resources_without_a_runtime();
    for probe in [Probe::Io, Probe::Timer, Probe::None] {
        for mut tokio in [multi_thread(), current_thread()] {
            let built = Monitor::builder().probe(probe).build(&mut tokio);
            let (runtime, _monitor) = built.unwrap();
            runtime.block_on(yield_now());
            drop(runtime);
            wait_until(resources, |now| *now == before);
        }
        let built = Monitor::builder()
            .probe(probe)
            .build_local(&mut current_thread());
        let (runtime, _monitor) = built.unwrap();
        runtime.block_on(yield_now());
        drop(runtime);
        wait_until(resources, |now| *now == before);
    }
}

fn a_runtime_that_never_ran_leaves_nothing() {
    let before = resources_without_a_runtime();
    let (runtime, _monitor) = Monitor::builder().build(&mut current_thread()).unwrap();
    assert_ne!(resources(), before);
    drop(runtime);
    wait_until(resources, |now| *now == before);
}

/// The numbers of a runtime are read through a handle that would keep its drivers.
fn a_monitor_that_is_kept_keeps_no_driver_open() {
    let before = resources_without_a_runtime();
    let mut kept = Vec::new();
    for _ in 0..20 {
        let (runtime, monitor) = Monitor::builder().build(&mut multi_thread()).unwrap();
        runtime.block_on(async { wait_until(|| monitor.snapshot().window, |w| !w.is_zero()) });
        drop(runtime);
        kept.push(monitor);
    }
    wait_until(resources, |now| *now == before);
    for monitor in kept {
        assert_eq!(monitor.active_tasks(), None);
        assert!(monitor.snapshot().workers.is_empty());
    }
}

/// Whether this process has a handler for the signal.
fn is_caught(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
    caught & 1 << (signal as i32 - 1) != 0
}

fn shutdown_leaves_nothing_of_what_named_a_stall() {
    let names_code = || threads().contains(&"loopmon-stacks".to_owned());
    let before = resources_without_a_runtime();
    for _ in 0..3 {
        assert!(!is_caught(Signal::SIGURG) && !names_code());
        let (runtime, monitor, log) = watched(multi_thread());
        let blocker = keep_worker(&runtime, Kind::Pipe);
        log.tells_all(&[blocker]);
        assert!(is_caught(Signal::SIGURG) && names_code());
        nothing_lasts(&monitor);
        monitor.shutdown();
        assert!(!is_caught(Signal::SIGURG) && !names_code());
        drop(runtime);
        wait_until(resources, |now| *now == before);
    }
}

fn a_hundred_starts_with_other_sinks_leave_nothing() {
    let runtime = multi_thread().build().unwrap();
    runtime.block_on(async {
        let before = resources();
        for _ in 0..100 {
            let told = Told::default();
            let monitor = Monitor::builder().sink(told.clone()).start().unwrap();
            monitor.shutdown();
            assert_eq!(told.all(), ["start main", "end main"]);
        }
        while alive_tasks() > 0 {
            yield_now().await;
        }
        wait_until(resources, |now| *now == before);
    });
}

fn shutdown_may_be_called_twice() {
    let runtime = current_thread().build().unwrap();
    runtime.block_on(async {
        let first = Monitor::builder().start().unwrap();
        first.shutdown();
        // Of another time: the old handle has no power over the new one.
        let second = Monitor::builder().start().unwrap();
        first.shutdown();
        assert!(loopmon::current().is_some());
        second.shutdown();
        second.clone().shutdown();
    });
}

fn shutdown_of_one_runtime_leaves_the_other_monitored() {
    let told = Told::default();
    let (first, second) = (
        multi_thread().build().unwrap(),
        multi_thread().build().unwrap(),
    );
    let sink = Monitor::builder().sink(told.clone());
    let first = sink.attach(first.handle()).unwrap();
    let second = Monitor::builder().attach(second.handle()).unwrap();
    wait_until(|| told.starts_and_ends().len(), |events| *events == 2);
    first.shutdown();
    assert_eq!(
        told.starts_and_ends(),
        ["start main", "start rt-2", "end main"]
    );
    assert_eq!(second.active_tasks(), Some(0));
    second.shutdown();
    assert_eq!(told.starts_and_ends().last().unwrap(), "end rt-2");
}
