//! However a program ends, it ends as it would without loopmon, and what the sinks
//! hold is passed on wherever the end leaves time for it.

use std::fs;
use std::io;
use std::process::{self, ExitCode};

use crate::support::{
    Gate, Outcome, Suite, annotated_main, program, read_records, stdin_ends, wait_until,
};
use nix::libc::SIGABRT;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::task;

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(panics)
        .program(returns_an_error)
        .program(returns_an_exit_code)
        .program(exits)
        .program(aborts)
        .program(leaves_blocking_work_behind)
        .program(drops_a_runtime)
        .program(waits_for_input)
        .test(a_panic_ends_with_101_and_flushed_sinks)
        .test(an_error_ends_with_1_and_flushed_sinks)
        .test(an_exit_code_is_passed_on_and_the_sinks_are_flushed)
        .test(exit_ends_at_once_with_its_code)
        .test(abort_ends_at_once_with_its_signal)
        .test(blocking_work_is_waited_for_as_without)
        .test(a_runtime_dropped_inside_another_is_no_end_of_the_program)
        .test(a_program_that_is_killed_leaves_whole_lines)
}

/// Runs a program with and without loopmon. Both times it prints the same, and ends
/// the same way, which is returned together with its records.
#[track_caller]
fn ends_the_same<R>(run: impl Fn() -> R + Copy) -> (Outcome, Vec<String>) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("records");
    let sink = format!("jsonl:{}", file.display());
    let with = program(run).env("LOOPMON_SINK", sink).run();
    let without = program(run).env("LOOPMON_OFF", "1").run();
    assert_eq!(with.stdout, without.stdout, "{with:?}");
    assert_eq!(with.code(), without.code(), "{with:?}");
    assert_eq!(with.signal(), without.signal(), "{with:?}");
    assert_eq!(with.notices(), [""; 0]);
    let mut records = read_records(&fs::read_to_string(file).unwrap_or_default());
    records.retain(|record| !record.starts_with("sample"));
    (with, records)
}

fn panics() {
    annotated_main(&[], async {
        println!("hello");
        panic!("out of paper");
    });
}

fn a_panic_ends_with_101_and_flushed_sinks() {
    let (outcome, records) = ends_the_same(panics);
    assert_eq!(outcome.code(), Some(101));
    assert!(outcome.stderr.contains("out of paper"), "{outcome:?}");
    assert_eq!(records, ["start main", "end main"]);
}

fn returns_an_error() -> io::Result<()> {
    annotated_main(&[], async {
        println!("hello");
        Err(io::Error::other("out of paper"))
    })
}

fn an_error_ends_with_1_and_flushed_sinks() {
    let (outcome, records) = ends_the_same(returns_an_error);
    assert_eq!(outcome.code(), Some(1));
    assert!(outcome.stderr.contains("out of paper"), "{outcome:?}");
    assert_eq!(records, ["start main", "end main"]);
}

fn returns_an_exit_code() -> ExitCode {
    annotated_main(&[], async { ExitCode::from(42) })
}

fn an_exit_code_is_passed_on_and_the_sinks_are_flushed() {
    let (outcome, records) = ends_the_same(returns_an_exit_code);
    assert_eq!(outcome.code(), Some(42));
    assert_eq!(records, ["start main", "end main"]);
}

fn exits() {
    annotated_main(&[], async {
        println!("hello");
        process::exit(43);
    });
}

fn exit_ends_at_once_with_its_code() {
    let (outcome, _) = ends_the_same(exits);
    assert_eq!(outcome.code(), Some(43));
}

fn aborts() {
    annotated_main(&[], async {
        println!("hello");
        process::abort();
    });
}

fn abort_ends_at_once_with_its_signal() {
    let (outcome, _) = ends_the_same(aborts);
    assert_eq!(outcome.signal(), Some(SIGABRT));
}

fn leaves_blocking_work_behind() {
    let main_ends = Gate::default();
    annotated_main(&[], async {
        let (begun, wait_for_main) = (Gate::default(), main_ends.clone());
        let has_begun = begun.clone();
        task::spawn_blocking(move || {
            has_begun.open();
            wait_for_main.pass();
            println!("work ends");
        });
        begun.pass();
        println!("main ends");
        main_ends.open();
    });
}

fn blocking_work_is_waited_for_as_without() {
    let (outcome, records) = ends_the_same(leaves_blocking_work_behind);
    outcome.prints("main ends\nwork ends\n");
    assert_eq!(records, ["start main", "end main"]);
}

fn drops_a_runtime() {
    annotated_main(&[], async {
        for _ in 0..10 {
            let other = Builder::new_multi_thread()
                .worker_threads(1)
                .build()
                .unwrap();
            other.spawn(std::future::pending::<()>());
            other.shutdown_background();
        }
        let monitored = loopmon::current().is_some();
        // The same with loopmon and without: it is still what it was before.
        println!("{}", monitored || std::env::var_os("LOOPMON_OFF").is_some());
    });
}

fn a_runtime_dropped_inside_another_is_no_end_of_the_program() {
    let (outcome, records) = ends_the_same(drops_a_runtime);
    outcome.prints("true\n");
    assert_eq!(records, ["start main", "end main"]);
}

fn waits_for_input() {
    annotated_main(&[], stdin_ends());
}

fn a_program_that_is_killed_leaves_whole_lines() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("records");
    let running = program(waits_for_input)
        .env("LOOPMON_SINK", format!("jsonl:{}", file.display()))
        .stdin(process::Stdio::piped())
        .start();
    let written = || fs::read_to_string(&file).unwrap_or_default();
    wait_until(written, |text| text.lines().count() >= 2);
    drop(running);
    let records = read_records(&written());
    assert_eq!(records[..2], ["start main", "sample main"]);
}
