//! A runtime that can't end, because something of it is stuck, and a program that ends
//! right after it was stuck.

use std::future::pending;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use crate::stalls::{beside, keep_worker, multi_thread, watched};
use crate::support::{
    Blocker, Kind, Program, StallLog, Suite, annotated, nothing_lasts, only_started, program,
    wait_until,
};
use loopmon::__private::Flavor;
use loopmon::json::{Kind as Record, Line, StallLine, StallsFields};
use loopmon::{Monitor, Phase, WorkerName};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(is_stuck_for_a_sample)
        .program(is_stuck_at_its_end)
        .program(is_stuck_at_its_end_on_one_thread)
        .check(a_drop_that_waits_for_a_stuck_poll_is_told_before_it_returns)
        .check(a_drop_that_follows_a_stall_goes_on_with_it)
        .check(a_drop_that_waits_for_a_destructor_is_told_before_it_returns)
        .check(the_end_of_one_thread_that_waits_for_a_destructor_is_told)
        .test(the_file_has_a_stall_in_its_samples_while_it_lasts)
        .test(a_stall_right_before_the_end_is_told_to_its_end)
}

/// Holds a thread up where it is dropped.
struct Stuck<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for Stuck<F> {
    fn drop(&mut self) {
        if let Some(trap) = self.0.take() {
            trap();
        }
    }
}

/// Drops the runtime on another thread. The drop is told of while it has not returned,
/// and its end when it has; the worker that it was told of.
fn is_told_before_its_drop_returns(
    runtime: Runtime,
    monitor: &Monitor,
    log: &StallLog,
    blocker: &Blocker,
) -> WorkerName {
    let returned = Arc::new(AtomicBool::new(false));
    let dropping = thread::spawn({
        let returned = Arc::clone(&returned);
        move || {
            drop(runtime);
            returned.store(true, Ordering::Release);
        }
    });
    let (worker, id) = only_started(log);
    // The drop has begun long ago.
    let ongoing = log.of(Phase::Ongoing).len();
    log.wait_for(Phase::Ongoing, ongoing + 1);
    assert_eq!(only_started(log), (worker, id));
    assert!(!returned.load(Ordering::Acquire), "it waits");
    assert_eq!(log.of(Phase::Ended).len(), 0);
    assert_eq!(log.ends(), 0, "the runtime is watched until it is gone");
    blocker.let_go();
    dropping.join().unwrap();
    wait_until(|| log.of(Phase::Ended), |ended| ended.len() == 1);
    assert_eq!(log.of(Phase::Ended)[0].id, id);
    nothing_lasts(monitor);
    wait_until(|| log.ends(), |ends| *ends == 1);
    worker
}

fn a_drop_that_waits_for_a_stuck_poll_is_told_before_it_returns() {
    for workers in [1, 4] {
        let (runtime, monitor, log) = watched(multi_thread(workers));
        let blocker = keep_worker(&runtime, Kind::Pipe);
        let told = is_told_before_its_drop_returns(runtime, &monitor, &log, &blocker);
        let worker = blocker.note().worker;
        assert!([worker, WorkerName::Shutdown].contains(&told), "{told:?}");
        monitor.shutdown();
    }
}

fn a_drop_that_follows_a_stall_goes_on_with_it() {
    let (runtime, monitor, log) = watched(multi_thread(2));
    let blocker = keep_worker(&runtime, Kind::Lock);
    let (_, id) = only_started(&log);
    let told = is_told_before_its_drop_returns(runtime, &monitor, &log, &blocker);
    assert_eq!(told, blocker.note().worker);
    log.tells_the_end(&blocker, id);
}

fn a_drop_that_waits_for_a_destructor_is_told_before_it_returns() {
    for workers in [1, 4] {
        let (runtime, monitor, log) = watched(multi_thread(workers));
        let blocker = Blocker::new(Kind::Sleep);
        let stuck = Stuck(Some(blocker.trap()));
        runtime.spawn(async move {
            pending::<()>().await;
            drop(stuck);
        });
        let told = is_told_before_its_drop_returns(runtime, &monitor, &log, &blocker);
        let of_a_worker = matches!(told, WorkerName::Index(index) if index < workers);
        assert!(told == WorkerName::Shutdown || of_a_worker, "{told:?}");
        monitor.shutdown();
    }
}

fn the_end_of_one_thread_that_waits_for_a_destructor_is_told() {
    for flavor in [Flavor::CurrentThread, Flavor::Local] {
        let (log, blocker) = (StallLog::default(), Blocker::new(Kind::Pipe));
        let stuck = Stuck(Some(blocker.trap()));
        let told = log.clone();
        let checked = Mutex::new(None);
        annotated(flavor, &[], vec![Box::new(log.clone())], async {
            tokio::spawn(async move {
                pending::<()>().await;
                drop(stuck);
            });
            tokio::task::yield_now().await;
            *checked.lock().unwrap() = Some(beside(move || {
                let (worker, id) = only_started(&told);
                assert_eq!(worker, WorkerName::Shutdown);
                assert_eq!(told.ends(), 0, "the runtime is watched until it is gone");
                blocker.let_go();
                told.tells_the_end(&blocker, id);
            }));
        });
        let checked = checked.into_inner().unwrap().unwrap();
        multi_thread(1).build().unwrap().block_on(checked);
        assert_eq!(log.phases(), [Phase::Started, Phase::Ended]);
    }
}

/// Its worker is kept until the sinks have had a sample with the stall.
fn is_stuck_for_a_sample() {
    let (log, blocker) = (StallLog::default(), Blocker::new(Kind::Pipe));
    let (told, trap) = (log.clone(), blocker.trap());
    annotated(Flavor::MultiThread, &[], vec![Box::new(log)], async {
        let checked = beside(move || {
            let id = only_started(&told).1;
            told.wait_for(Phase::Ongoing, 1);
            let stuck = || told.samples().iter().filter(|s| s.active == 1).count();
            wait_until(stuck, |samples| *samples >= 2);
            blocker.let_go();
            told.tells_the_end(&blocker, id);
        });
        tokio::spawn(async { trap() });
        checked.await;
    });
}

/// The program with `jsonl:PATH` as its sink, which it ran with; what it wrote.
fn records_of(program: Program) -> Vec<Record> {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("records");
    program.env("LOOPMON_SINK", into(&file)).run().succeeds();
    let text = fs::read_to_string(&file).unwrap();
    let read = |line| Line::read(line).unwrap().kind;
    text.lines().map(read).collect()
}

fn into(file: &Path) -> String {
    format!("jsonl:{}", file.display())
}

fn stalls(records: &[Record]) -> Vec<&StallLine> {
    let stalls = records.iter().filter_map(|record| match record {
        Record::Stall(stall) => Some(stall),
        _ => None,
    });
    stalls.collect()
}

fn the_file_has_a_stall_in_its_samples_while_it_lasts() {
    let records = records_of(program(is_stuck_for_a_sample));
    let told = stalls(&records);
    let phases: Vec<_> = told.iter().map(|stall| &*stall.phase).collect();
    let (last, lasting) = phases.split_last().unwrap();
    assert_eq!((lasting[0], *last), ("started", "ended"), "{told:#?}");
    assert!(lasting[1..].iter().all(|phase| *phase == "ongoing"));
    assert!(told.iter().all(|stall| stall.id == told[0].id));
    // Both numbers are rounded to microseconds.
    let at_least = |stall: &StallLine| stall.duration_s - stall.duration_error_s;
    let grows = |a: &&StallLine, b: &&StallLine| at_least(a) <= at_least(b) + 2e-6;
    assert!(told.is_sorted_by(grows), "{told:#?}");
    let stuck = records.iter().filter_map(|record| match record {
        Record::Sample(sample) => sample.stalls.as_ref().filter(|s| s.active == 1),
        _ => None,
    });
    let stuck: Vec<&StallsFields> = stuck.collect();
    assert!(stuck.len() >= 2, "{records:#?}");
    assert!(stuck.is_sorted_by(|a, b| a.age_s < b.age_s), "{stuck:#?}");
    let Some(Record::End(end)) = records.last() else {
        panic!("{records:#?}")
    };
    let all = end.stalls.as_ref().unwrap();
    let started: u64 = all.by_cause.iter().map(|totals| totals.started).sum();
    assert_eq!((all.active, started), (0, 1));
}

/// The last that the program does is to be stuck.
fn is_stuck_at_the_end(flavor: Flavor) {
    let (log, blocker) = (StallLog::default(), Blocker::new(Kind::Lock));
    let (told, trap) = (log.clone(), blocker.trap());
    annotated(flavor, &[], vec![Box::new(log)], async {
        thread::spawn(move || {
            only_started(&told);
            blocker.let_go();
        });
        trap();
    });
}

fn is_stuck_at_its_end() {
    is_stuck_at_the_end(Flavor::MultiThread);
}

fn is_stuck_at_its_end_on_one_thread() {
    is_stuck_at_the_end(Flavor::CurrentThread);
}

fn a_stall_right_before_the_end_is_told_to_its_end() {
    for (program, worker) in [
        (program(is_stuck_at_its_end), "main"),
        (program(is_stuck_at_its_end_on_one_thread), "0"),
    ] {
        let records = records_of(program);
        let told = stalls(&records).into_iter();
        let told: Vec<_> = told.map(|stall| (&*stall.phase, &*stall.worker)).collect();
        assert_eq!(told, [("started", worker), ("ended", worker)]);
        assert!(matches!(records.last(), Some(Record::End(_))));
    }
}
