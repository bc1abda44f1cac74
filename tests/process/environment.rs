//! What the operator sets, and gets wrong. The program goes on with the attribute's
//! values.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};

use crate::support::{
    Outcome, Program, Suite, Told, alive_tasks, annotated, annotated_main, descriptors, program,
    skip, threads,
};
use loopmon::__private::{Flavor, Key};
use loopmon::json::{Kind, Line};
use nix::unistd::{geteuid, getuid};
use tempfile::TempDir;

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(greets)
        .program(tells_its_user)
        .program(tells_its_settings)
        .program(has_both_kinds_of_sinks)
        .program(monitored_surroundings)
        .program(plain_surroundings)
        .test(a_good_value_replaces_the_attributes)
        .test(a_value_that_cannot_be_read_is_told_in_one_line_and_ignored)
        .test(a_sink_that_does_not_exist_is_told_in_one_line_and_ignored)
        .test(every_malformed_sink_is_told_in_one_line)
        .test(an_unknown_variable_is_told_in_one_line)
        .test(several_mistakes_have_a_line_each)
        .test(an_empty_variable_counts_as_unset)
        .test(off_leaves_plain_tokio)
        .test(the_variable_replaces_string_sinks_and_keeps_expressions)
        .test(a_set_user_id_program_ignores_the_environment)
}

fn greets() {
    annotated_main(&[], async { println!("hello") });
}

fn tells_its_user() {
    annotated_main(&[], async {
        println!("raised privileges: {}", getuid() != geteuid());
    });
}

fn tells_its_settings() {
    annotated_main(
        &[
            (Key::Interval, "40ms"),
            (Key::StallThreshold, "70ms"),
            (Key::Sink, "jsonl:-"),
        ],
        async {},
    );
}

/// The interval and the threshold of [`tells_its_settings`], in seconds.
#[track_caller]
fn settings_told(outcome: &Outcome) -> [String; 2] {
    let first = outcome.succeeds().stdout.lines().next().unwrap_or("");
    match Line::read(first).map(|line| line.kind) {
        Ok(Kind::Start(start)) => {
            [start.interval_s, start.stall_threshold_s].map(|seconds| seconds.to_string())
        }
        other => panic!("{other:?} in {outcome:?}"),
    }
}

fn a_good_value_replaces_the_attributes() {
    let outcome = program(tells_its_settings)
        .env("LOOPMON_INTERVAL", "25ms")
        .run();
    assert_eq!(settings_told(&outcome), ["0.025", "0.07"]);
    assert_eq!(outcome.stderr, "");
}

fn a_value_that_cannot_be_read_is_told_in_one_line_and_ignored() {
    let outcome = program(tells_its_settings)
        .env("LOOPMON_INTERVAL", "abc")
        .run();
    assert_eq!(settings_told(&outcome), ["0.04", "0.07"]);
    assert_eq!(
        outcome.notice(),
        "`LOOPMON_INTERVAL` = `abc`: not one number and one unit; \
         accepted: a duration from 1ms to 1h, such as `250ms`; ignored"
    );
}

fn a_sink_that_does_not_exist_is_told_in_one_line_and_ignored() {
    let outcome = program(tells_its_settings)
        .env("LOOPMON_SINK", "kafka:x")
        .run();
    // It came through the attribute's own sink.
    assert_eq!(settings_told(&outcome), ["0.04", "0.07"]);
    assert_eq!(
        outcome.notice(),
        "`LOOPMON_SINK` = `kafka:x`: no such sink `kafka`; \
         accepted: `auto`, `stderr`, `stderr?every=10s`, `tracing`, `jsonl:PATH`; ignored"
    );
}

fn every_malformed_sink_is_told_in_one_line() {
    for malformed in ["jsonl", "stderr?every=1ms", "stderr:x", "jsonl:%zz", ":"] {
        let outcome = program(greets).env("LOOPMON_SINK", malformed).run();
        let notice = outcome.prints("hello\n").notice();
        assert!(
            notice.starts_with(&format!("`LOOPMON_SINK` = `{malformed}`: "))
                && notice.contains("; accepted: `auto`, "),
            "{notice}"
        );
    }
}

fn an_unknown_variable_is_told_in_one_line() {
    let outcome = program(greets).env("LOOPMON_INTERVALL", "25ms").run();
    assert_eq!(
        outcome.prints("hello\n").notice(),
        "`LOOPMON_INTERVALL` = `25ms`: no such variable (did you mean `LOOPMON_INTERVAL`?); \
         accepted: LOOPMON_INTERVAL, LOOPMON_STALL_THRESHOLD, LOOPMON_SINK, \
         LOOPMON_BACKTRACE, LOOPMON_OWN, LOOPMON_OFF, LOOPMON_DRILL; ignored"
    );
}

fn several_mistakes_have_a_line_each() {
    let outcome = program(greets)
        .env("LOOPMON_INTERVAL", "abc")
        .env("LOOPMON_STALL_THRESHOLD", "2h")
        .env("LOOPMON_OFF", "yes")
        .run();
    let mut notices = outcome.prints("hello\n").notices();
    notices.sort_unstable();
    assert_eq!(notices.len(), 3, "{outcome:?}");
    assert!(notices[0].starts_with("`LOOPMON_INTERVAL` = `abc`: "));
    assert!(notices[1].starts_with("`LOOPMON_OFF` = `yes`: "));
    assert!(notices[2].starts_with("`LOOPMON_STALL_THRESHOLD` = `2h`: "));
}

fn an_empty_variable_counts_as_unset() {
    let outcome = program(tells_its_settings)
        .env("LOOPMON_INTERVAL", "")
        .env("LOOPMON_SINK", "")
        .env("LOOPMON_OFF", "")
        .run();
    assert_eq!(settings_told(&outcome), ["0.04", "0.07"]);
    assert_eq!(outcome.stderr, "");
}

fn monitored_surroundings() {
    annotated(Flavor::CurrentThread, &[], vec![], async {
        tell_surroundings();
    });
}

#[tokio::main(flavor = "current_thread")]
async fn plain_surroundings() {
    tell_surroundings();
}

fn tell_surroundings() {
    println!("{} threads", threads().len());
    println!("{} tasks", alive_tasks());
    println!("descriptors: {:?}", descriptors());
    println!("monitored: {}", loopmon::current().is_some());
}

fn off_leaves_plain_tokio() {
    let plain = program(plain_surroundings).run();
    let off = program(monitored_surroundings)
        .env("LOOPMON_OFF", "1")
        .run();
    off.prints(&plain.stdout);
    assert_eq!(off.stderr, "");
    let on = program(monitored_surroundings).run();
    let differing = plain.stdout.lines().zip(on.stdout.lines());
    assert_eq!(
        differing.filter(|(off, on)| off != on).count(),
        4,
        "{plain:?} {on:?}"
    );
}

fn has_both_kinds_of_sinks() {
    let told = Told::default();
    annotated(
        Flavor::MultiThread,
        &[(Key::Sink, "jsonl:-")],
        vec![Box::new(told.clone())],
        async {},
    );
    println!("{:?}", told.starts_and_ends());
}

fn the_variable_replaces_string_sinks_and_keeps_expressions() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("records");
    program(has_both_kinds_of_sinks)
        .env("LOOPMON_SINK", format!("jsonl:{}", file.display()))
        .run()
        .prints("[\"start main\", \"end main\"]\n");
    let records = fs::read_to_string(file).unwrap();
    assert_eq!(records.lines().count(), 2, "{records}");
}

/// Runs a program with a mistake in its environment, as a user who does not own it.
fn with_mode(mode: u32) -> Outcome {
    const OWNER: u32 = 54_321;
    const USER: u32 = 54_322;
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("program");
    let program = Program::copied_to(tells_its_user, &copy);
    chown(&copy, Some(OWNER), Some(OWNER)).unwrap();
    fs::set_permissions(&copy, Permissions::from_mode(mode)).unwrap();
    program.user(USER).env("LOOPMON_INTERVAL", "abc").run()
}

fn a_set_user_id_program_ignores_the_environment() {
    if !geteuid().is_root() {
        skip("only root can make a set-user-id program of somebody else");
    }
    let ordinary = with_mode(0o755);
    ordinary.prints("raised privileges: false\n").notice();
    let raised = with_mode(0o4755);
    if raised.stdout == ordinary.stdout {
        skip("the temporary directory allows no set-user-id programs");
    }
    raised.prints("raised privileges: true\n");
    assert_eq!(raised.stderr, "");
}
