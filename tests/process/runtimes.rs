//! Several runtimes in one process, and the hooks that loopmon shares with the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Blocker, Gate, Kind, StallLog, Suite, Told, threads, wait_until};
use loopmon::{Monitor, StartError};
use tokio::runtime::{Builder, Runtime};

pub(super) fn suite() -> Suite {
    Suite::default()
        .check(names_are_unique_and_free_again_after_the_end)
        .check(all_runtimes_share_one_watchdog_and_one_set_of_sinks)
        .check(other_sinks_later_are_an_error_that_says_so)
        .check(the_same_runtime_twice_is_an_error_that_names_it)
        .check(starting_outside_of_a_runtime_is_an_error)
        .check(current_finds_the_runtime_it_is_called_on)
        .check(hooks_of_the_program_are_called_beside_ours)
        .check(the_unpark_hook_of_the_program_is_called_beside_ours)
        .check(a_hook_that_tokio_has_already_is_refused_by_name)
        .check(threads_are_workers_and_those_for_blocking_work)
        .check(without_our_hooks_threads_are_not_counted)
}

fn runtime(name: Option<&str>) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all();
    if let Some(name) = name {
        builder.name(name);
    }
    builder.build().unwrap()
}

fn attach(runtime: &Runtime) -> Monitor {
    Monitor::builder().attach(runtime.handle()).unwrap()
}

fn names_are_unique_and_free_again_after_the_end() {
    let runtimes = [None, None, Some("io"), Some("io"), None, Some("rt-2")].map(runtime);
    let monitors = runtimes.each_ref().map(attach);
    let names = monitors.each_ref().map(Monitor::name);
    assert_eq!(names, ["main", "rt-2", "io", "io-2", "rt-3", "rt-2-2"]);
    monitors[2].shutdown();
    assert_eq!(attach(&runtime(Some("io"))).name(), "io");
}

fn watchdogs() -> usize {
    let names = threads();
    names.iter().filter(|n| *n == "loopmon-watchdo").count()
}

fn all_runtimes_share_one_watchdog_and_one_set_of_sinks() {
    let told = Told::default();
    let first = runtime(None);
    let builder = Monitor::builder().sink(told.clone());
    builder.attach(first.handle()).unwrap();
    let before = wait_until(watchdogs, |count| *count > 0);
    let all = threads().len();
    let others = [None, None, None].map(runtime);
    let workers = others.len();
    for other in &others {
        attach(other);
    }
    assert_eq!((before, watchdogs()), (1, 1));
    assert_eq!(threads().len(), all + workers, "Tokio's alone");
    wait_until(
        || told.starts_and_ends(),
        |told| *told == ["start main", "start rt-2", "start rt-3", "start rt-4"],
    );
}

fn other_sinks_later_are_an_error_that_says_so() {
    let (first, second) = (runtime(None), runtime(None));
    let builder = Monitor::builder().sink_spec("stderr");
    let monitor = builder.attach(first.handle()).unwrap();
    for others in [
        Monitor::builder().sink(Told::default()),
        Monitor::builder().sink_spec("tracing"),
        Monitor::builder().sink_spec("stderr?every=9s"),
    ] {
        let error = others.attach(second.handle()).unwrap_err();
        assert!(matches!(error, StartError::SinksFixed), "{error:?}");
        assert!(
            error
                .to_string()
                .contains("sinks of this process were fixed")
        );
    }
    let same = Monitor::builder().sink_spec("stderr");
    same.attach(second.handle()).unwrap().shutdown();
    attach(&second).shutdown();
    monitor.shutdown();
    let others = Monitor::builder().sink(Told::default());
    others.attach(second.handle()).unwrap();
}

fn the_same_runtime_twice_is_an_error_that_names_it() {
    let io = runtime(Some("io"));
    let monitor = attach(&io);
    let error = Monitor::builder().attach(io.handle()).unwrap_err();
    assert!(matches!(&error, StartError::AlreadyMonitored(name) if name == "io"));
    assert!(error.to_string().contains("`io`"), "{error}");
    monitor.shutdown();
    attach(&io);
}

fn starting_outside_of_a_runtime_is_an_error() {
    let error = Monitor::builder().start().unwrap_err();
    assert!(matches!(error, StartError::NoRuntime), "{error:?}");
}

fn current_finds_the_runtime_it_is_called_on() {
    let runtimes = [Some("a"), Some("b"), Some("unmonitored")].map(runtime);
    for monitored in &runtimes[..2] {
        attach(monitored);
    }
    let current = || loopmon::current().map(|monitor| monitor.name().to_owned());
    let on_worker = |runtime: &Runtime| {
        let task = runtime.spawn(async move { current() });
        runtime.block_on(task).unwrap()
    };
    assert_eq!(current(), None);
    assert_eq!(on_worker(&runtimes[0]).as_deref(), Some("a"));
    assert_eq!(on_worker(&runtimes[1]).as_deref(), Some("b"));
    assert_eq!(on_worker(&runtimes[2]), None);
    let _inside = runtimes[1].enter();
    assert_eq!(current().as_deref(), Some("b"));
}

/// A hook that counts its calls.
fn counting() -> (Arc<AtomicUsize>, impl Fn() + Send + Sync + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    (count, move || {
        counted.fetch_add(1, Ordering::SeqCst);
    })
}

fn hooks_of_the_program_are_called_beside_ours() {
    let ((started, start), (stopped, stop)) = (counting(), counting());
    let builder = Monitor::builder()
        .on_thread_start(start)
        .on_thread_stop(stop);
    let mut tokio = Builder::new_multi_thread();
    let (runtime, monitor) = builder.build(tokio.worker_threads(3).enable_all()).unwrap();
    wait_until(|| monitor.snapshot().threads, |threads| *threads == Some(3));
    assert_eq!(started.load(Ordering::SeqCst), 3);
    assert_eq!(stopped.load(Ordering::SeqCst), 0);
    drop(runtime);
    assert_eq!(stopped.load(Ordering::SeqCst), 3);
}

fn the_unpark_hook_of_the_program_is_called_beside_ours() {
    let (unparked, unpark) = counting();
    let log = StallLog::default();
    let builder = Monitor::builder()
        .sink(log.clone())
        .on_thread_unpark(unpark);
    let mut tokio = Builder::new_multi_thread();
    let (runtime, _monitor) = builder.build(tokio.worker_threads(1).enable_all()).unwrap();
    for round in 1..=5 {
        runtime.block_on(runtime.spawn(async {})).unwrap();
        wait_until(|| unparked.load(Ordering::SeqCst), |count| *count >= round);
    }
    // Ours wakes the watchdog, which sleeps while all are parked.
    let blocker = Blocker::new(Kind::Pipe);
    let trap = blocker.trap();
    runtime.spawn(async move { trap() });
    log.tells_all(&[blocker]);
    assert_eq!(log.hooks(), [true]);
}

fn a_hook_that_tokio_has_already_is_refused_by_name() {
    let refused = |builder: &mut Builder| Monitor::builder().build(builder).unwrap_err();
    let mut tokio = Builder::new_multi_thread();
    let error = refused(tokio.on_thread_start(|| ()));
    assert!(
        matches!(error, StartError::HookTaken("on_thread_start")),
        "{error:?}"
    );
    let mut tokio = Builder::new_multi_thread();
    let error = refused(tokio.on_thread_stop(|| ()));
    assert!(
        matches!(error, StartError::HookTaken("on_thread_stop")),
        "{error:?}"
    );
    assert!(error.to_string().contains("`on_thread_stop`"), "{error}");
    let mut tokio = Builder::new_current_thread();
    let error = refused(tokio.on_thread_unpark(|| ()));
    assert!(
        matches!(error, StartError::HookTaken("on_thread_unpark")),
        "{error:?}"
    );
    assert!(error.to_string().contains("`on_thread_unpark`"), "{error}");
    // Hooks that loopmon does not need are no obstacle.
    let mut tokio = Builder::new_multi_thread();
    tokio.enable_all().on_thread_park(|| ());
    Monitor::builder().build(&mut tokio).unwrap();
}

fn threads_are_workers_and_those_for_blocking_work() {
    let mut tokio = Builder::new_multi_thread();
    tokio.worker_threads(2).enable_all();
    let (runtime, monitor) = Monitor::builder().build(&mut tokio).unwrap();
    wait_until(|| monitor.snapshot().threads, |threads| *threads == Some(2));
    let gate = Gate::default();
    for _ in 0..3 {
        let gate = gate.clone();
        runtime.spawn_blocking(move || gate.pass());
    }
    wait_until(|| monitor.snapshot().threads, |threads| *threads == Some(5));
    gate.open();
}

fn without_our_hooks_threads_are_not_counted() {
    let runtime = runtime(None);
    assert_eq!(attach(&runtime).snapshot().threads, None);
}
