//! Whatever shape the code has, its author finds their function and line.

use std::thread;

use futures::stream::{self, StreamExt as _};
use loopmon::{Culprit, Monitor, Phase, Stall};
use tokio::runtime::{Builder, Runtime};

use crate::scene::{LONG, blocks_at, brief, is_told, line, next_named, returns, set_told};
use crate::support::{StallLog, Suite, wait_until};

pub(super) fn suite() -> Suite {
    Suite::default()
        .check(code_of_every_shape_is_named)
        .check(a_function_that_ends_in_the_call_is_named_or_its_caller_is)
        .check(recursion_deeper_than_the_copy_is_named_and_marked)
        .check(code_of_a_dependency_is_named_where_there_is_none_of_the_program)
}

struct Config;

/// A generic of the program.
struct Pool<T>(T);

impl<T> Pool<T> {
    fn get(&self) -> &T {
        blocks_at(line!() + 1);
        thread::sleep(LONG);
        returns();
        &self.0
    }
}

fn generic() {
    Pool(Config).get();
}

trait Job {
    fn run(&self);
}

struct Slow;

impl Job for Slow {
    fn run(&self) {
        blocks_at(line!() + 1);
        thread::sleep(LONG);
        returns();
    }
}

fn object() {
    let job: Box<dyn Job> = Box::new(Slow);
    job.run();
}

fn closure() {
    let sleep = |length| {
        blocks_at(line!() + 1);
        thread::sleep(length);
        returns();
    };
    sleep(LONG);
}

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        blocks_at(line!() + 1);
        thread::sleep(LONG);
        returns();
    }
}

fn dropping() {
    drop(Guard);
}

fn unwinding() {
    let caught = std::panic::catch_unwind(|| {
        let _guard = Guard;
        std::panic::resume_unwind(Box::new("unwinds through the guard"));
    });
    drop(caught);
}

/// Code of a macro of the program stands where the macro is defined.
const IN_MACRO: u32 = line!() + 4;

macro_rules! rest {
    ($length:expr) => {
        thread::sleep($length)
    };
}

fn by_macro() {
    blocks_at(IN_MACRO);
    rest!(LONG);
    returns();
}

#[allow(clippy::needless_for_each, reason = "it is what is tested")]
fn in_iterator() {
    let lengths = [LONG];
    lengths.iter().for_each(|length| {
        blocks_at(line!() + 1);
        thread::sleep(*length);
        returns();
    });
}

async fn in_stream() {
    let lengths = stream::iter([LONG]);
    lengths
        .map(|length| {
            blocks_at(line!() + 1);
            thread::sleep(length);
            returns();
        })
        .collect::<()>()
        .await;
}

async fn in_nested_futures() {
    async fn inner() {
        tokio::task::yield_now().await;
        blocks_at(line!() + 1);
        thread::sleep(LONG);
        returns();
    }
    tokio::join!(async { inner().await }, tokio::task::yield_now());
}

fn watched() -> (Runtime, StallLog) {
    let log = StallLog::default();
    let mut tokio = Builder::new_multi_thread();
    let builder = Monitor::builder().sink(log.clone());
    let (runtime, _monitor) = builder.build(tokio.worker_threads(2).enable_all()).unwrap();
    (runtime, log)
}

#[track_caller]
fn is_named(log: &StallLog, before: usize, first: &str, last: &str) -> (Stall, Culprit) {
    let (stall, culprit) = next_named(log, before);
    set_told(true);
    let function = &culprit.function;
    assert!(
        function.starts_with(first) && function.ends_with(last),
        "{}",
        brief(&stall)
    );
    let place = (culprit.file.as_deref(), culprit.line);
    assert_eq!(
        place,
        (Some("tests/culprits/shapes.rs"), Some(line())),
        "{}",
        brief(&stall)
    );
    assert!(culprit.own);
    wait_until(|| log.of(Phase::Ended).len(), |ended| *ended > before);
    (stall, culprit)
}

fn code_of_every_shape_is_named() {
    let (runtime, log) = watched();
    let blockers: [(fn(), &str, &str); 8] = [
        (generic, "culprits::shapes::Pool<", ">::get"),
        (object, "culprits::shapes::Slow::run", ""),
        (closure, "culprits::shapes::closure", "closure"),
        (dropping, "culprits::shapes::Guard::drop", ""),
        (unwinding, "culprits::shapes::Guard::drop", ""),
        (by_macro, "culprits::shapes::by_macro", ""),
        (in_iterator, "culprits::shapes::in_iterator", "in_iterator"),
        (closure, "culprits::shapes::closure", "closure"),
    ];
    let mut told = 0;
    for (block, first, last) in blockers {
        runtime.spawn(async move { block() });
        is_named(&log, told, first, last);
        told += 1;
    }
    runtime.spawn(in_stream());
    let (stall, culprit) = is_named(&log, told, "culprits::shapes::in_stream", "in_stream");
    assert_eq!(
        culprit.task.as_deref(),
        Some("culprits::shapes::in_stream"),
        "{}",
        brief(&stall)
    );
    told += 1;
    runtime.spawn(in_nested_futures());
    let (stall, culprit) = is_named(&log, told, "culprits::shapes::in_nested_futures::inner", "");
    let task = Some("culprits::shapes::in_nested_futures");
    assert_eq!(culprit.task.as_deref(), task, "{}", brief(&stall));
}

/// In release builds the call takes the place of its frame.
#[inline(never)]
fn hands_over() {
    thread::sleep(LONG);
}

#[inline(never)]
fn calls_it() {
    hands_over();
    returns();
}

fn a_function_that_ends_in_the_call_is_named_or_its_caller_is() {
    let (runtime, log) = watched();
    runtime.spawn(async { calls_it() });
    let (stall, culprit) = next_named(&log, 0);
    let allowed = ["hands_over", "calls_it"].map(|name| format!("culprits::shapes::{name}"));
    assert!(
        allowed.contains(&culprit.function.to_string()),
        "{}",
        brief(&stall)
    );
    let task = culprit.task.as_deref().unwrap_or_default();
    assert!(task.ends_with("a_function_that_ends_in_the_call_is_named_or_its_caller_is"));
    assert!(!culprit.truncated, "{}", brief(&stall));
}

/// Each call takes more than a kibibyte of stack.
fn recurses(depth: u32) -> u64 {
    let mut ballast = [u64::from(depth); 160];
    std::hint::black_box(&mut ballast);
    if depth == 0 {
        blocks_at(line!() + 1);
        thread::sleep(LONG);
        return 0;
    }
    let deeper = recurses(depth - 1);
    deeper + std::hint::black_box(&ballast).iter().sum::<u64>()
}

fn recursion_deeper_than_the_copy_is_named_and_marked() {
    let (runtime, log) = watched();
    runtime.spawn(async { recurses(200) });
    let (stall, culprit) = is_named(&log, 0, "culprits::shapes::recurses", "recurses");
    assert!(culprit.truncated, "{}", brief(&stall));
}

fn code_of_a_dependency_is_named_where_there_is_none_of_the_program() {
    let (runtime, log) = watched();
    assert!(!is_told());
    runtime.spawn(stream::repeat(()).count());
    let (stall, culprit) = next_named(&log, 0);
    assert!(
        culprit.function.starts_with("futures_util::"),
        "{}",
        brief(&stall)
    );
    assert!(!culprit.own && culprit.file.is_some() && culprit.line.is_some());
    std::process::exit(0); // It would count for ever.
}
