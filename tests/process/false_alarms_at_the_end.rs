//! The end of a runtime may take long without a stall: when it waits for blocking work,
//! or when its drop returns before it has ended.

use std::thread;
use std::time::Duration;

use crate::false_alarms::{LONG, is_silent};
use crate::stalls::{keep_worker, multi_thread, watched};
use crate::support::{Gate, Kind, StallLog, Suite, annotated};
use loopmon::__private::Flavor;
use loopmon::Monitor;
use tokio::runtime::Runtime;
use tokio::task::block_in_place;

pub(super) fn suite() -> Suite {
    Suite::default()
        .punctual(a_runtime_that_ends_is_no_stall)
        .punctual(an_attached_runtime_that_ends_is_no_stall)
        .punctual(an_end_with_blocking_work_is_no_stall)
        .punctual(an_end_with_blocking_work_in_place_is_no_stall)
        .punctual(an_end_with_idle_threads_for_blocking_work_is_no_stall)
        .punctual(an_annotated_end_that_waits_for_blocking_work_is_no_stall)
}

/// Another runtime, which is monitored before and after.
struct Other {
    runtime: Runtime,
    monitor: Monitor,
    log: StallLog,
}

impl Other {
    fn new() -> Self {
        let (runtime, monitor, log) = watched(multi_thread(2));
        Self {
            runtime,
            monitor,
            log,
        }
    }

    /// Nothing is told of `ended` for a long time. Of this runtime it is.
    #[track_caller]
    fn alone_is_told(&self, ended: &[Monitor]) {
        thread::sleep(LONG);
        for monitor in ended {
            is_silent(monitor, &self.log);
        }
        is_silent(&self.monitor, &self.log);
        self.log
            .tells_all(&[keep_worker(&self.runtime, Kind::Lock)]);
    }
}

/// Blocking work for a long time, begun before this returns.
fn work_long(runtime: &Runtime) {
    let begun = Gate::default();
    let begins = begun.clone();
    runtime.spawn_blocking(move || {
        begins.open();
        thread::sleep(LONG);
    });
    begun.pass();
}

/// As [`work_long`], on a worker.
fn work_long_in_place(runtime: &Runtime) {
    let begun = Gate::default();
    let begins = begun.clone();
    runtime.spawn(async move {
        block_in_place(|| {
            begins.open();
            thread::sleep(LONG);
        });
    });
    begun.pass();
}

type End = fn(Runtime);

/// Ends runtimes of different sizes in each of these ways, all at the same time, after
/// `begin` has prepared each.
fn end_silently(begin: impl Fn(&Runtime), ends: &[End]) {
    let other = Other::new();
    let (mut ended, mut ending) = (vec![], vec![]);
    for end in ends.iter().copied() {
        for workers in [1, 4] {
            let mut tokio = multi_thread(workers);
            let (runtime, monitor) = Monitor::builder().build(&mut tokio).unwrap();
            begin(&runtime);
            ended.push(monitor);
            ending.push(thread::spawn(move || end(runtime)));
        }
    }
    for end in ending {
        end.join().unwrap();
    }
    other.alone_is_told(&ended);
}

fn a_runtime_that_ends_is_no_stall() {
    end_silently(|_| (), &ALL);
}

fn an_attached_runtime_that_ends_is_no_stall() {
    let other = Other::new();
    let runtime = multi_thread(4).build().unwrap();
    let monitor = Monitor::builder().attach(runtime.handle()).unwrap();
    work_long(&runtime);
    drop(runtime);
    other.alone_is_told(&[monitor]);
}

const ALL: [End; 4] = [
    drop,
    Runtime::shutdown_background,
    |runtime| runtime.shutdown_timeout(Duration::from_millis(1)),
    |runtime| runtime.shutdown_timeout(LONG * 2),
];

fn an_end_with_blocking_work_is_no_stall() {
    end_silently(work_long, &ALL);
}

fn an_end_with_blocking_work_in_place_is_no_stall() {
    end_silently(work_long_in_place, &ALL);
}

fn an_end_with_idle_threads_for_blocking_work_is_no_stall() {
    let work_shortly = |runtime: &Runtime| {
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
    };
    end_silently(work_shortly, &ALL);
}

/// Under the attribute the runtime is dropped after the body, which has begun work.
fn an_annotated_end_that_waits_for_blocking_work_is_no_stall() {
    let other = Other::new();
    let mut ended = vec![];
    for flavor in [Flavor::CurrentThread, Flavor::Local, Flavor::MultiThread] {
        ended.push(annotated(flavor, &[], vec![], async {
            let begun = Gate::default();
            let begins = begun.clone();
            tokio::task::spawn_blocking(move || {
                begins.open();
                thread::sleep(LONG);
            });
            begun.pass();
            loopmon::current().unwrap()
        }));
    }
    other.alone_is_told(&ended);
}
