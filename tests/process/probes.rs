//! What the probes measure, on every kind of runtime, and what they leave alone.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Gate, Suite, alive_tasks, threads, wait_until};
use loopmon::{Monitor, MonitorBuilder, Probe, Snapshot, StartError};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio::task::yield_now;

pub(super) fn suite() -> Suite {
    Suite::default()
        .check(io_and_timer_measure_lag_on_every_kind_of_runtime)
        .check(no_probe_measures_everything_but_lag)
        .check(io_without_its_driver_is_an_error_and_the_program_goes_on)
        .check(timer_without_its_driver_is_an_error_and_the_program_goes_on)
        .check(io_measures_under_a_paused_clock)
        .check(timer_says_that_a_paused_clock_cannot_be_measured)
        .check(loopmon_does_not_move_a_paused_clock)
        .check(active_tasks_are_those_of_the_program)
        .check(the_difference_of_two_snapshots_is_what_happened_between)
        .check(a_blocked_loop_shows_while_it_is_blocked_and_afterwards)
}

const MS: Duration = Duration::from_millis(1);

fn current_thread() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

/// Lets the loop turn until `done`.
async fn turn_until(done: impl Fn() -> bool) {
    while !done() {
        yield_now().await;
    }
}

async fn is_measured(probe: Probe) {
    let builder = Monitor::builder().probe(probe).interval(MS);
    let monitor = builder.start().unwrap();
    turn_until(|| monitor.snapshot().lag.count() >= 10).await;
    let snapshot = monitor.snapshot();
    assert_eq!((snapshot.probe, snapshot.unmeasured), (probe, None));
    assert!(monitor.lag().is_some());
    monitor.shutdown();
}

fn io_and_timer_measure_lag_on_every_kind_of_runtime() {
    for probe in [Probe::Io, Probe::Timer] {
        let mut multi_thread = Builder::new_multi_thread();
        let multi_thread = multi_thread.worker_threads(2).enable_all().build();
        multi_thread.unwrap().block_on(is_measured(probe));
        let single = current_thread().build();
        single.unwrap().block_on(is_measured(probe));
        let local = current_thread().build_local(LocalOptions::default());
        local.unwrap().block_on(is_measured(probe));
    }
}

fn no_probe_measures_everything_but_lag() {
    // Neither driver is there.
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        builder.build().unwrap().block_on(async {
            let builder = Monitor::builder().probe(Probe::None);
            let monitor = builder.start().unwrap();
            turn_until(|| monitor.snapshot().host_lag.count() > 0).await;
            let snapshot = monitor.snapshot();
            let reason = snapshot.unmeasured.as_deref();
            assert_eq!(reason, Some("no probe was asked for"));
            assert_eq!((monitor.lag(), snapshot.lag.count()), (None, 0));
            assert_eq!(snapshot.active_tasks, Some(0));
            monitor.shutdown();
        });
    }
}

/// Starting fails for want of a driver. Nothing is left of it, and another probe works.
fn is_refused(runtime: &mut Builder, builder: MonitorBuilder, driver: &str) {
    runtime.build().unwrap().block_on(async {
        let before = threads().len();
        let error = builder.start().unwrap_err();
        assert!(
            matches!(error, StartError::NoDriver(name) if name == driver),
            "{error:?}"
        );
        assert!(
            error.to_string().contains(&format!("`{driver}`")),
            "{error}"
        );
        assert_eq!(alive_tasks(), 0);
        wait_until(|| threads().len(), |count| *count == before);
        let other = Monitor::builder().probe(Probe::None).start();
        other.unwrap().shutdown();
    });
}

fn io_without_its_driver_is_an_error_and_the_program_goes_on() {
    for mut runtime in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        is_refused(runtime.enable_time(), Monitor::builder(), "enable_io");
    }
}

fn timer_without_its_driver_is_an_error_and_the_program_goes_on() {
    for mut runtime in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let builder = Monitor::builder().probe(Probe::Timer);
        is_refused(runtime.enable_io(), builder, "enable_time");
    }
}

fn io_measures_under_a_paused_clock() {
    let runtime = current_thread().start_paused(true).build().unwrap();
    runtime.block_on(is_measured(Probe::Io));
}

fn timer_says_that_a_paused_clock_cannot_be_measured() {
    let runtime = current_thread().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let builder = Monitor::builder().probe(Probe::Timer);
        let monitor = builder.start().unwrap();
        turn_until(|| monitor.snapshot().unmeasured.is_some()).await;
        let snapshot = monitor.snapshot();
        let reason = snapshot.unmeasured.as_deref();
        assert_eq!(reason, Some("Tokio's clock is paused"));
        assert_eq!((monitor.lag(), snapshot.lag.count()), (None, 0));
    });
}

/// How far the clock of a runtime that is idle, and then sleeps for a minute, has
/// moved at both times. While it is idle, only a timer could move it.
async fn moves(until_idle_long_enough: impl FnOnce() + Send + 'static) -> [Duration; 2] {
    let begin = tokio::time::Instant::now();
    let (done, idle) = oneshot::channel();
    thread::spawn(move || {
        until_idle_long_enough();
        done.send(()).unwrap();
    });
    idle.await.unwrap();
    let after_idling = begin.elapsed();
    tokio::time::sleep(60_000 * MS).await;
    [after_idling, begin.elapsed()]
}

fn loopmon_does_not_move_a_paused_clock() {
    let runtime = current_thread().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let expected = moves(|| ()).await;
        for probe in [Probe::Io, Probe::Timer, Probe::None] {
            let builder = Monitor::builder().probe(probe).interval(MS);
            let monitor = builder.start().unwrap();
            let watched = monitor.clone();
            let measured_or_given_up = move || {
                let seen = || watched.snapshot();
                wait_until(seen, |seen| {
                    seen.unmeasured.is_some() || seen.lag.count() >= 10
                });
            };
            assert_eq!(moves(measured_or_given_up).await, expected, "{probe}");
            monitor.shutdown();
        }
    });
}

fn active_tasks_are_those_of_the_program() {
    let mut multi_thread = Builder::new_multi_thread();
    multi_thread.enable_all();
    for mut builder in [multi_thread, current_thread()] {
        let runtime = builder.build().unwrap();
        let monitor = Monitor::builder().attach(runtime.handle()).unwrap();
        assert_eq!(monitor.active_tasks(), Some(0));
        runtime.block_on(async {
            for round in [1, 10, 100] {
                let (end, _) = tokio::sync::broadcast::channel::<()>(1);
                for _ in 0..round {
                    let mut ended = end.subscribe();
                    tokio::spawn(async move { ended.recv().await });
                }
                assert_eq!(monitor.active_tasks(), Some(round));
                assert_eq!(monitor.snapshot().active_tasks, Some(round));
                drop(end);
                turn_until(|| monitor.active_tasks() == Some(0)).await;
            }
        });
        monitor.shutdown();
    }
}

/// A snapshot with so many events, all of which are over.
async fn answered(monitor: &Monitor, count: u64) -> Snapshot {
    loop {
        let snapshot = monitor.snapshot();
        if snapshot.lag.count() >= count && snapshot.lag.waiting().is_none() {
            return snapshot;
        }
        yield_now().await;
    }
}

fn the_difference_of_two_snapshots_is_what_happened_between() {
    let runtime = current_thread().build().unwrap();
    runtime.block_on(async {
        let monitor = Monitor::builder().interval(MS).start().unwrap();
        let earlier = answered(&monitor, 10).await;
        let later = answered(&monitor, earlier.lag.count() + 10).await;
        let between = later.since(&earlier);
        assert_eq!(earlier.window + between.window, later.window);
        assert_eq!(earlier.lag.count() + between.lag.count(), later.lag.count());
        assert!(between.lag.max() <= later.lag.max());
        assert!(between.workers[0].busy <= later.workers[0].busy);
        assert_eq!(later.since(&later).window, Duration::ZERO);
    });
}

fn a_blocked_loop_shows_while_it_is_blocked_and_afterwards() {
    const BLOCKED: Duration = Duration::from_millis(300);
    let runtime = current_thread().build().unwrap();
    runtime.block_on(async {
        let monitor = Monitor::builder().interval(MS).start().unwrap();
        turn_until(|| monitor.snapshot().lag.count() > 0).await;
        let (blocks, seen) = (Gate::default(), Gate::default());
        let observer = thread::spawn({
            let (monitor, blocks, seen) = (monitor.clone(), blocks.clone(), seen.clone());
            move || {
                blocks.pass();
                let mut last = Duration::ZERO;
                for _ in 0..5 {
                    let waiting = || monitor.snapshot().lag.waiting();
                    let grown = |waiting: &Option<_>| *waiting > Some(last + 10 * MS);
                    last = wait_until(waiting, grown).unwrap();
                    let lag = monitor.lag();
                    assert!(lag >= Some(last), "{lag:?}");
                }
                seen.open();
            }
        });
        let blocking = tokio::spawn(async move {
            let begin = Instant::now();
            blocks.open();
            seen.pass();
            wait_until(|| begin.elapsed(), |blocked| *blocked >= BLOCKED);
            begin.elapsed()
        });
        let blocked = blocking.await.unwrap();
        observer.join().unwrap();
        turn_until(|| monitor.snapshot().lag.waiting().is_none()).await;
        monitor.shutdown();
        // What the watchdog missed because it was late itself, it says.
        let snapshot = monitor.snapshot();
        let (lag, host) = (snapshot.lag.max(), snapshot.host_lag.max());
        let told = lag.unwrap_or_default() + host.unwrap_or_default();
        assert!(told >= blocked.mul_f64(0.9), "{lag:?} {host:?}");
    });
}
