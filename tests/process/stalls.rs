//! A thread that stays away from the scheduler is told while it does, by its runtime
//! and worker – whichever of them it is, and whatever keeps it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use crate::support::{
    Blocker, Kind, StallLog, Suite, annotated, nothing_lasts, only_started, wait_until,
};
use loopmon::__private::Flavor;
use loopmon::{Cause, Monitor, MonitorBuilder, Phase, WorkerName};
use tokio::runtime::{Builder, LocalOptions, Runtime};
use tokio::sync::oneshot;

pub(super) fn suite() -> Suite {
    Suite::default()
        .punctual(one_worker_of_four_is_told_whatever_keeps_it)
        .punctual(two_workers_at_once_are_two_stalls)
        .punctual(all_workers_at_once_are_a_stall_each)
        .punctual(the_only_worker_is_told)
        .punctual(one_of_sixty_four_workers_is_told)
        .check(the_first_task_ever_is_told)
        .check(a_worker_of_an_attached_runtime_is_told_without_hooks)
        .check(a_task_on_one_thread_is_told_under_the_attribute)
        .check(the_root_future_on_one_thread_is_told_under_the_attribute)
        .punctual(the_root_future_on_no_worker_is_told_under_the_attribute)
        .punctual(a_task_on_one_thread_is_told_beside_a_watched_root)
        .punctual(a_watched_root_on_one_thread_is_told)
        .punctual(a_watched_root_on_no_worker_is_told)
        .punctual(a_root_that_panics_leaves_no_stall_behind)
        .punctual(a_root_on_one_thread_that_panics_leaves_no_stall_behind)
        .punctual(each_of_several_runtimes_has_stalls_of_its_own)
}

pub(crate) fn multi_thread(workers: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all();
    builder
}

pub(crate) fn current_thread() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

/// A monitored runtime, and what is told of all runtimes.
pub(crate) fn watched(mut tokio: Builder) -> (Runtime, Monitor, StallLog) {
    watched_by(Monitor::builder(), &mut tokio)
}

pub(crate) fn watched_by(
    builder: MonitorBuilder,
    tokio: &mut Builder,
) -> (Runtime, Monitor, StallLog) {
    let log = StallLog::default();
    let built = builder.sink(log.clone()).build(tokio);
    let (runtime, monitor) = built.unwrap();
    (runtime, monitor, log)
}

/// Keeps a worker of this runtime, as soon as this returns.
pub(crate) fn keep_worker(runtime: &Runtime, kind: Kind) -> Blocker {
    let blocker = Blocker::new(kind);
    let trap = blocker.trap();
    runtime.spawn(async move { trap() });
    blocker.note();
    blocker
}

/// Runs `check` on another thread, at once. The result waits for its end.
pub(crate) fn beside(check: impl FnOnce() + Send + 'static) -> impl Future<Output = ()> {
    let (done, checked) = oneshot::channel();
    thread::spawn(move || {
        check();
        done.send(()).expect("this program waits");
    });
    async { checked.await.expect("the thread beside did not panic") }
}

fn one_worker_of_four_is_told_whatever_keeps_it() {
    let builder = Monitor::builder().stall_threshold(Duration::from_millis(100));
    let (runtime, monitor, log) = watched_by(builder, &mut multi_thread(4));
    let mut made = 0;
    for blocker in Blocker::of_every_kind() {
        let (kind, trap) = (blocker.kind(), blocker.trap());
        runtime.spawn(async move { trap() });
        log.tells_all(&[blocker]);
        made += 1;
        assert_eq!(monitor.snapshot().stalls.started(), made);
        let told = log.of(Phase::Started).pop().unwrap();
        let expected = match kind {
            Kind::Lock | Kind::Pipe => Cause::Blocking,
            Kind::Spin => Cause::Cpu,
            // It is never at the same sleep again, and seldom met in between.
            Kind::Sleep if told.cause == Cause::Blocking => Cause::Blocking,
            Kind::Sleep => Cause::Unknown,
        };
        assert_eq!(told.cause, expected, "{told:#?}");
        let culprit = told.culprit.unwrap();
        assert!(culprit.own, "{culprit:#?}");
        assert!(
            culprit.function.starts_with("process::support::blocker::"),
            "{culprit:#?}"
        );
    }
}

fn two_workers_at_once_are_two_stalls() {
    let (runtime, _monitor, log) = watched(multi_thread(4));
    let blockers = [Kind::Sleep, Kind::Pipe].map(|kind| keep_worker(&runtime, kind));
    assert_ne!(blockers[0].note().worker, blockers[1].note().worker);
    log.tells_all(&blockers);
}

fn all_workers_at_once_are_a_stall_each() {
    let (runtime, monitor, log) = watched(multi_thread(4));
    let blockers = Kind::ALL.map(|kind| keep_worker(&runtime, kind));
    let told = log.wait_for(Phase::Started, 4);
    assert!(told.iter().all(|stall| stall.parked == 0), "{told:#?}");
    for (blocker, worker) in blockers.iter().map(|b| (b, b.note().worker)) {
        let stall = told.iter().find(|stall| stall.worker == worker).unwrap();
        blocker.kind().is_told_as(stall);
    }
    assert_eq!(monitor.snapshot().stalls.active, 4);
    wait_until(|| monitor.lag(), Option::is_some);
    let mut workers: Vec<_> = told.iter().map(|stall| stall.worker).collect();
    workers.sort();
    assert_eq!(workers, [0, 1, 2, 3].map(WorkerName::Index));
    for (blocker, worker) in blockers.iter().map(|b| (b, b.note().worker)) {
        blocker.let_go();
        let stall = told.iter().find(|stall| stall.worker == worker).unwrap();
        log.tells_the_end(blocker, stall.id);
    }
}

fn the_only_worker_is_told() {
    let (runtime, _monitor, log) = watched(multi_thread(1));
    log.tells_all(&[keep_worker(&runtime, Kind::Lock)]);
    log.tells_all(&[keep_worker(&runtime, Kind::Spin)]);
}

fn one_of_sixty_four_workers_is_told() {
    let (runtime, _monitor, log) = watched(multi_thread(64));
    log.tells_all(&[keep_worker(&runtime, Kind::Sleep)]);
    let many: Vec<_> = (0..20).map(|_| keep_worker(&runtime, Kind::Pipe)).collect();
    log.tells_all(&many);
}

fn the_first_task_ever_is_told() {
    for workers in [1, 4] {
        let (runtime, monitor, log) = watched(multi_thread(workers));
        // The worker has never parked.
        log.tells_all(&[keep_worker(&runtime, Kind::Pipe)]);
        drop(runtime);
        monitor.shutdown();
    }
}

fn a_worker_of_an_attached_runtime_is_told_without_hooks() {
    let runtime = multi_thread(4).build().unwrap();
    let log = StallLog::default();
    // One that was never seen to move may not have started.
    let metrics = runtime.metrics();
    let moved = || (0..4).all(|worker| metrics.worker_park_unpark_count(worker) > 0);
    wait_until(moved, |moved| *moved);
    let builder = Monitor::builder().sink(log.clone());
    builder.attach(runtime.handle()).unwrap();
    log.tells_all(&[keep_worker(&runtime, Kind::Pipe)]);
    assert_eq!(log.hooks(), [false]);
}

const ONE_THREAD: [Flavor; 2] = [Flavor::CurrentThread, Flavor::Local];

/// Runs `body` under the attribute.
fn under_the_attribute<F: Future>(flavor: Flavor, log: &StallLog, body: F) -> F::Output {
    annotated(flavor, &[], vec![Box::new(log.clone())], body)
}

fn a_task_on_one_thread_is_told_under_the_attribute() {
    for flavor in ONE_THREAD {
        let (log, blocker) = (StallLog::default(), Blocker::new(Kind::Lock));
        let (told, trap) = (log.clone(), blocker.trap());
        under_the_attribute(flavor, &log, async {
            let checked = beside(move || told.tells_all(&[blocker]));
            tokio::spawn(async { trap() });
            checked.await;
        });
        assert_eq!(only_started(&log).0, WorkerName::Index(0));
    }
}

/// The root future itself is kept, under the attribute; the worker that is told.
fn keeps_the_annotated_root(flavor: Flavor, kind: Kind) -> WorkerName {
    let (log, blocker) = (StallLog::default(), Blocker::new(kind));
    let (told, trap) = (log.clone(), blocker.trap());
    under_the_attribute(flavor, &log, async {
        let checked = beside(move || told.tells_all(&[blocker]));
        trap();
        checked.await;
    });
    only_started(&log).0
}

fn the_root_future_on_one_thread_is_told_under_the_attribute() {
    for flavor in ONE_THREAD {
        let worker = keeps_the_annotated_root(flavor, Kind::Pipe);
        assert_eq!(worker, WorkerName::Index(0));
    }
}

fn the_root_future_on_no_worker_is_told_under_the_attribute() {
    let worker = keeps_the_annotated_root(Flavor::MultiThread, Kind::Sleep);
    assert_eq!(worker, WorkerName::Main);
}

fn a_task_on_one_thread_is_told_beside_a_watched_root() {
    let (runtime, monitor, log) = watched(current_thread());
    for kind in [Kind::Sleep, Kind::Spin] {
        let (log, blocker) = (log.clone(), Blocker::new(kind));
        let trap = blocker.trap();
        let checked = beside(move || log.tells_all(&[blocker]));
        runtime.spawn(async move { trap() });
        runtime.block_on(monitor.root(checked));
    }
}

/// The root future itself is kept, watched by [`Monitor::root`].
async fn keeps_itself(log: StallLog, kind: Kind) {
    let blocker = Blocker::new(kind);
    let trap = blocker.trap();
    let checked = beside(move || log.tells_all(&[blocker]));
    trap();
    checked.await;
}

fn a_watched_root_on_one_thread_is_told() {
    let (runtime, monitor, log) = watched(current_thread());
    // Once more on the same runtime: it was not driven in between.
    for kind in [Kind::Pipe, Kind::Spin] {
        runtime.block_on(monitor.root(keeps_itself(log.clone(), kind)));
    }
    let mut local = current_thread();
    let local = local.build_local(LocalOptions::default()).unwrap();
    let monitor = Monitor::builder().attach(local.handle()).unwrap();
    local.block_on(monitor.root(keeps_itself(log.clone(), Kind::Sleep)));
    let told = log.of(Phase::Started);
    assert!(
        told.iter()
            .all(|stall| stall.worker == WorkerName::Index(0))
    );
}

fn a_watched_root_on_no_worker_is_told() {
    let (runtime, monitor, log) = watched(multi_thread(2));
    for kind in [Kind::Lock, Kind::Spin] {
        runtime.block_on(monitor.root(keeps_itself(log.clone(), kind)));
    }
    let attached = multi_thread(2).build().unwrap();
    let monitor = Monitor::builder().attach(attached.handle()).unwrap();
    attached.block_on(monitor.root(keeps_itself(log.clone(), Kind::Pipe)));
    let told = log.of(Phase::Started);
    assert!(told.iter().all(|stall| stall.worker == WorkerName::Main));
}

/// A root panics right after it was kept. The next is calm, and the one after it is
/// kept again.
fn panics_and_leaves_nothing(tokio: Builder) {
    let (runtime, monitor, log) = watched(tokio);
    let blocker = Blocker::new(Kind::Pipe);
    let (told, trap) = (log.clone(), blocker.trap());
    let checked = beside(move || {
        told.wait_for(Phase::Started, 1);
        blocker.let_go();
    });
    let root = monitor.root(async {
        trap();
        panic!("as the test wants it");
    });
    let run = AssertUnwindSafe(|| runtime.block_on(root));
    catch_unwind(run).map(|(): ()| "returned").unwrap_err();
    runtime.block_on(checked);
    log.wait_for(Phase::Ended, 1);
    nothing_lasts(&monitor);
    runtime.block_on(monitor.root(async {
        let threshold = crate::support::THRESHOLD;
        tokio::time::sleep(threshold + threshold).await;
    }));
    only_started(&log);
    runtime.block_on(monitor.root(keeps_itself(log.clone(), Kind::Sleep)));
    assert_eq!(log.of(Phase::Started).len(), 2);
}

fn a_root_that_panics_leaves_no_stall_behind() {
    panics_and_leaves_nothing(multi_thread(2));
}

fn a_root_on_one_thread_that_panics_leaves_no_stall_behind() {
    panics_and_leaves_nothing(current_thread());
}

fn each_of_several_runtimes_has_stalls_of_its_own() {
    let (first, _monitor, log) = watched(multi_thread(2));
    let mut second = multi_thread(1);
    let (second, _monitor) = Monitor::builder().build(second.name("io")).unwrap();
    let mut third = current_thread();
    let (third, monitor) = Monitor::builder().build(third.name("local")).unwrap();
    let blockers = vec![
        keep_worker(&first, Kind::Pipe),
        keep_worker(&second, Kind::Lock),
        Blocker::new(Kind::Sleep),
    ];
    let (told, trap) = (log.clone(), blockers[2].trap());
    third.spawn(async move { trap() });
    third.block_on(monitor.root(beside(move || told.tells_all(&blockers))));
    let runtimes = log.of(Phase::Started).into_iter();
    let mut runtimes: Vec<_> = runtimes.map(|stall| stall.runtime.to_string()).collect();
    runtimes.sort();
    assert_eq!(runtimes, ["io", "local", "main"]);
}
