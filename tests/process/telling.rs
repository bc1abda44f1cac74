//! How stalls are told: in every sink, not too often, and with a drill that proves it.

use std::fs::{self, File};
use std::io::Read as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::{Settings, Suite, annotated, annotated_main, program, wait_until};
use loopmon::__private::{Flavor, Key};
use loopmon::json::{Kind, Line, StallLine};
use nix::pty::openpty;
use tempfile::TempDir;

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(blocks_once)
        .program(blocks_once_under_a_subscriber)
        .program(blocks_forty_times)
        .program(waits_for_a_drill)
        .program(waits_for_a_drill_on_one_thread)
        .program(waits_a_little)
        .program(stops_two_runtimes_in_turn)
        .test(a_terminal_shows_a_stall_in_sentences)
        .test(a_machine_reads_a_stall_in_logfmt)
        .test(a_subscriber_gets_stalls_as_warnings)
        .test(the_file_has_every_stall_and_the_log_five_in_full)
        .test(a_drill_is_told_and_marked_in_record_and_metric)
        .test(a_drill_blocks_a_runtime_of_one_thread_too)
        .test(a_malformed_drill_is_refused_in_a_clear_line_and_does_not_take_place)
        .test(a_drill_that_is_too_short_to_be_told_says_so)
        .test(without_the_variable_there_is_no_drill)
        .test(runtimes_other_than_main_are_named)
}

/// Many stalls need a threshold that is quickly reached.
const SHORT: Settings = &[(Key::StallThreshold, "20ms")];

/// Blocks a worker in one call until the watchdog says that it is stuck, and why.
async fn stall() {
    let monitor = loopmon::current().unwrap();
    let (let_go, wait) = mpsc::channel();
    let before = monitor.snapshot().stalls.started();
    let watch = monitor.clone();
    let watching = thread::spawn(move || {
        let started = || watch.snapshot().stalls.started();
        wait_until(started, |started| *started > before);
        let_go.send(()).unwrap();
    });
    let stalled = tokio::spawn(async move { waits(&wait) });
    stalled.await.unwrap();
    watching.join().unwrap();
    while monitor.snapshot().stalls.active > 0 {
        tokio::task::yield_now().await;
    }
}

#[inline(never)]
fn waits(to_be_let_go: &mpsc::Receiver<()>) {
    to_be_let_go.recv().unwrap();
}

fn blocks_once() {
    annotated_main(SHORT, stall());
}

fn blocks_once_under_a_subscriber() {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .init();
    annotated_main(SHORT, stall());
}

fn a_terminal_shows_a_stall_in_sentences() {
    let pty = openpty(None, None).unwrap();
    program(blocks_once).stderr(pty.slave).run().prints("");
    let mut shown = Vec::new();
    // A terminal without a program at its other end ends in an error.
    let _ended = File::from(pty.master).read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    let lines: Vec<_> = shown.lines().collect();
    let [first, second, third, .., farewell, hotspot] = &lines[..] else {
        panic!("{shown}")
    };
    let (subject, rest) = first.split_once(" has been stuck for ").unwrap();
    assert!(subject.starts_with("loopmon: worker "), "{first}");
    assert!(rest.contains(" ms"), "{first}");
    assert!(
        rest.ends_with(&format!(": blocking in {CALLED}")),
        "{first}"
    );
    let place = second
        .strip_prefix("  --> tests/process/telling.rs:")
        .unwrap();
    assert!(place.ends_with(" in process::telling::waits"), "{second}");
    assert!(
        third.starts_with("  task: process::telling::stall  ·  "),
        "{third}"
    );
    assert!(third.contains("in the global queue, "), "{third}");
    assert!(third.ends_with(" workers parked"), "{third}");
    let help = lines.iter().find(|line| line.starts_with("  help: "));
    assert!(
        help.is_some_and(|help| help.contains("tokio::sync")),
        "{shown}"
    );
    let back = lines
        .iter()
        .find(|line| line.starts_with(subject) && line.contains(" was stuck for "));
    let blamed = format!(": blocking in {CALLED}, in process::telling::waits");
    assert!(back.is_some_and(|back| back.ends_with(&blamed)), "{shown}");
    assert!(farewell.contains("; 1 stall, the longest "), "{farewell}");
    assert!(
        hotspot.starts_with("  process::telling::waits (tests/process/telling.rs:"),
        "{hotspot}"
    );
    assert!(hotspot.contains(": 1 stall, "), "{hotspot}");
    assert!(
        hotspot.ends_with(&format!(", blocking in {CALLED}")),
        "{hotspot}"
    );
}

/// What keeps the worker in [`waits`].
const CALLED: &str = "std::sync::mpsc::Receiver::recv";

fn a_machine_reads_a_stall_in_logfmt() {
    let outcome = program(blocks_once).run();
    let first = outcome.prints("").stderr.lines().next().unwrap();
    let fields = first.strip_prefix("loopmon ").unwrap();
    // Advice has spaces, and stands in quotes.
    let mut quoted = false;
    let pairs: Vec<_> = fields
        .split(|c| {
            quoted ^= c == '"';
            c == ' ' && !quoted
        })
        .map(|pair| pair.split_once('=').unwrap())
        .collect();
    let keys: Vec<_> = pairs.iter().map(|(key, _)| *key).collect();
    let fixed = [
        "event",
        "phase",
        "id",
        "runtime",
        "worker",
        "duration_s",
        "duration_error_s",
        "cause",
        "function",
        "file",
        "line",
        "called",
        "task",
        "advice",
    ];
    assert_eq!(keys[..14], fixed, "{first}");
    assert_eq!(
        pairs[..4],
        [
            ("event", "stall"),
            ("phase", "started"),
            ("id", "1"),
            ("runtime", "main")
        ]
    );
    let duration: f64 = pairs[5].1.parse().unwrap();
    assert!(duration >= 0.02, "{first}");
    assert_eq!(
        pairs[7..10],
        [
            ("cause", "blocking"),
            ("function", "process::telling::waits"),
            ("file", "tests/process/telling.rs"),
        ]
    );
    assert!(pairs[10].1.parse::<u32>().is_ok(), "{first}");
    assert_eq!(
        pairs[11..13],
        [("called", CALLED), ("task", "process::telling::stall")]
    );
}

fn a_subscriber_gets_stalls_as_warnings() {
    let outcome = program(blocks_once_under_a_subscriber).run();
    let lines: Vec<_> = outcome.succeeds().stdout.lines().collect();
    let of_phase = |phase| {
        let phase = format!(r#" tokio.stall.phase="{phase}""#);
        lines.iter().filter(|line| line.contains(&phase)).count()
    };
    assert_eq!(
        (of_phase("started"), of_phase("ended")),
        (1, 1),
        "{lines:#?}"
    );
    for line in lines
        .iter()
        .filter(|line| line.contains(" tokio.stall.phase="))
    {
        assert!(line.starts_with(" WARN loopmon: worker "), "{line}");
        assert!(
            line.contains(r#" code.function.name="process::telling::waits""#),
            "{line}"
        );
    }
    let end = lines.last().unwrap();
    assert!(
        end.contains(r#" tokio.stall.hotspot="process::telling::waits""#),
        "{end}"
    );
    assert_eq!(outcome.stderr, "");
}

fn blocks_forty_times() {
    annotated_main(SHORT, async {
        for _ in 0..40 {
            stall().await;
        }
    });
}

/// The stalls in a file of the sink `jsonl`, and those of its end record: how many
/// started, and how many were held back.
fn stalls_in(text: &str) -> (Vec<StallLine>, u64, u64) {
    let (mut stalls, mut started, mut held_back) = (Vec::new(), 0, 0);
    for line in text.lines() {
        match Line::read(line).unwrap().kind {
            Kind::Stall(stall) => stalls.push(stall),
            Kind::End(end) => {
                let totals = end.stalls.unwrap();
                started += totals
                    .by_cause
                    .iter()
                    .map(|cause| cause.started)
                    .sum::<u64>();
                held_back += totals.held_back;
            }
            _ => {}
        }
    }
    (stalls, started, held_back)
}

fn the_file_has_every_stall_and_the_log_five_in_full() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("run.jsonl");
    let outcome = program(blocks_forty_times)
        .env("LOOPMON_SINK", format!("stderr jsonl:{}", file.display()))
        .run();
    let (stalls, started, held_back) = stalls_in(&fs::read_to_string(file).unwrap());
    let of_phase = |phase| stalls.iter().filter(|stall| stall.phase == phase).count();
    assert_eq!((of_phase("started"), of_phase("ended")), (40, 40));
    assert_eq!((started, held_back), (40, 35));
    let mut told = outcome.prints("").stderr.lines();
    let end = told.next_back().unwrap();
    assert!(
        end.contains(" stalls=40 ") && end.contains(" stalls_held_back=35 "),
        "{end}"
    );
    let starts = told.filter(|line| line.contains(" phase=started ")).count();
    assert_eq!(starts, 5, "{}", outcome.stderr);
}

/// Waits until a drill has been told, and ended; prints how many stalls were seen.
async fn until_drilled() {
    let monitor = loopmon::current().unwrap();
    let stalls = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let stalls = monitor.snapshot().stalls;
        if stalls.started() > 0 && stalls.active == 0 {
            break stalls;
        }
    };
    for totals in stalls.by_cause {
        println!("{} with drill = {}", totals.started, totals.drill);
    }
}

fn waits_for_a_drill() {
    annotated_main(&[], until_drilled());
}

fn waits_for_a_drill_on_one_thread() {
    annotated(Flavor::CurrentThread, &[], vec![], until_drilled());
}

fn a_drill_is_told_and_marked_in_record_and_metric() {
    let outcome = program(waits_for_a_drill).env("LOOPMON_DRILL", "1s").run();
    outcome.prints("1 with drill = true\n");
    let lines: Vec<_> = outcome.stderr.lines().collect();
    let stalls = lines.iter().filter(|line| line.contains("event=stall"));
    let marked = lines.iter().filter(|line| line.contains(" drill=true"));
    assert!(stalls.clone().count() >= 2, "{lines:#?}");
    assert!(stalls.eq(marked), "{lines:#?}");
}

fn a_drill_blocks_a_runtime_of_one_thread_too() {
    let outcome = program(waits_for_a_drill_on_one_thread)
        .env("LOOPMON_DRILL", "1s")
        .run();
    outcome.prints("1 with drill = true\n");
}

fn waits_a_little() {
    annotated_main(&[], async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let stalls = loopmon::current().unwrap().snapshot().stalls;
        println!("{} stalls", stalls.started());
    });
}

fn a_malformed_drill_is_refused_in_a_clear_line_and_does_not_take_place() {
    let outcome = program(waits_a_little).env("LOOPMON_DRILL", "soon").run();
    outcome.prints("0 stalls\n");
    assert_eq!(
        outcome.notice(),
        "`LOOPMON_DRILL` = `soon`: not one number and one unit; \
         accepted: a duration from 1ms to 1m, such as `150ms`; ignored"
    );
}

fn a_drill_that_is_too_short_to_be_told_says_so() {
    let outcome = program(waits_a_little).env("LOOPMON_DRILL", "10ms").run();
    outcome.prints("0 stalls\n");
    assert!(
        outcome
            .notice()
            .starts_with("the drill of 10ms is shorter than the stall threshold of "),
        "{outcome:?}"
    );
}

fn without_the_variable_there_is_no_drill() {
    let outcome = program(waits_a_little).run();
    assert_eq!(outcome.prints("0 stalls\n").stderr, "");
}

fn stops_two_runtimes_in_turn() {
    let runtimes = ["io", "http"].map(|name| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().name(name);
        let monitor = loopmon::Monitor::builder()
            .stall_threshold(Duration::from_millis(20))
            .sink_spec("stderr");
        monitor.build(&mut builder).unwrap()
    });
    for (runtime, monitor) in &runtimes {
        let stalls = || monitor.snapshot().stalls;
        let blocked = runtime.spawn(async { thread::sleep(Duration::from_millis(200)) });
        runtime.block_on(blocked).unwrap();
        wait_until(stalls, |stalls| stalls.started() == 1 && stalls.active == 0);
    }
    for (runtime, monitor) in runtimes {
        drop(runtime);
        monitor.shutdown();
    }
}

fn runtimes_other_than_main_are_named() {
    let outcome = program(stops_two_runtimes_in_turn).run();
    let lines = outcome.prints("").stderr.lines();
    let starts: Vec<_> = lines
        .filter(|line| line.contains("phase=started"))
        .collect();
    assert!(
        starts[0].contains(" id=1 runtime=io worker=0 "),
        "{starts:#?}"
    );
    assert!(
        starts[1].contains(" id=2 runtime=http worker=0 "),
        "{starts:#?}"
    );
}
