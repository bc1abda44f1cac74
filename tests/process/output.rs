//! What people and machines get to read.

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use crate::support::{Settings, Suite, Told, annotated, program, wait_until};
use loopmon::__private::{Flavor, Key};
use nix::pty::openpty;
use tokio::task::yield_now;
use tracing_subscriber::filter::LevelFilter;

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(traces_samples)
        .program(traces_starts_and_ends)
        .program(subscribes_late)
        .program(runs_for_two_samples)
        .program(is_late)
        .program(is_stuck_until_its_end)
        .program(tells_every_second)
        .test(auto_goes_to_the_subscriber_and_not_to_standard_error)
        .test(samples_are_debug_events)
        .test(a_subscriber_that_comes_later_gets_what_follows)
        .test(while_all_is_well_standard_error_is_silent)
        .test(a_late_loop_is_told_while_it_is_late_and_at_the_end)
        .test(a_loop_that_is_late_until_its_end_is_told_too)
        .test(a_machine_reads_logfmt)
        .test(a_terminal_shows_sentences)
}

/// `auto`, and a threshold that nothing reaches: these programs wait as no program
/// should, which is not what they are about.
const AUTO: Settings = &[(Key::Sink, "auto"), (Key::StallThreshold, "1h")];

/// Runs `main` until a sink that `settings` add has had so many samples.
fn run_for(samples: usize, settings: Settings, at_begin: fn()) {
    let told = Told::default();
    let sink = Box::new(told.clone());
    annotated(Flavor::MultiThread, settings, vec![sink], async {
        at_begin();
        wait_until(|| told.count(), |count| *count > samples);
    });
}

fn subscribe(level: LevelFilter) {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .without_time()
        .init();
}

fn traces_samples() {
    subscribe(LevelFilter::DEBUG);
    run_for(2, AUTO, || ());
}

fn traces_starts_and_ends() {
    subscribe(LevelFilter::INFO);
    run_for(1, AUTO, || ());
}

fn subscribes_late() {
    run_for(1, AUTO, || subscribe(LevelFilter::INFO));
}

fn auto_goes_to_the_subscriber_and_not_to_standard_error() {
    let outcome = program(traces_starts_and_ends).run();
    let lines: Vec<_> = outcome.succeeds().stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with(" INFO loopmon: monitoring runtime main "));
    assert!(lines[1].starts_with(" INFO loopmon: main: monitored for "));
    assert_eq!(outcome.stderr, "");
}

fn samples_are_debug_events() {
    let outcome = program(traces_samples).run();
    let lines: Vec<_> = outcome.succeeds().stdout.lines().collect();
    let samples = &lines[1..lines.len() - 1];
    assert!(samples.len() >= 2, "{lines:#?}");
    for sample in samples {
        assert!(
            sample.starts_with("DEBUG loopmon: main  lag p50 "),
            "{sample}"
        );
        assert!(sample.contains(r#"tokio.runtime.name="main""#), "{sample}");
    }
    assert_eq!(outcome.stderr, "");
}

fn a_subscriber_that_comes_later_gets_what_follows() {
    let outcome = program(subscribes_late).run();
    let last = outcome.succeeds().stdout.lines().last().unwrap_or_default();
    assert!(
        last.starts_with(" INFO loopmon: main: monitored for "),
        "{last}"
    );
    assert_eq!(outcome.stderr, "");
}

fn runs_for_two_samples() {
    run_for(2, AUTO, || ());
}

fn while_all_is_well_standard_error_is_silent() {
    let outcome = program(runs_for_two_samples).run();
    assert_eq!(outcome.prints("").stderr, "");
}

fn is_late() {
    let body = async {
        let monitor = loopmon::current().unwrap();
        let is_late = |lag: &Option<Duration>| *lag > Some(Duration::from_millis(600));
        wait_until(|| monitor.lag(), is_late);
        while monitor.snapshot().lag.waiting().is_some() {
            yield_now().await;
        }
    };
    annotated(Flavor::CurrentThread, &[], vec![], body);
}

fn is_stuck_until_its_end() {
    let body = async {
        let monitor = loopmon::current().unwrap();
        let is_late = |lag: &Option<Duration>| *lag > Some(Duration::from_millis(600));
        wait_until(|| monitor.lag(), is_late);
    };
    annotated(Flavor::CurrentThread, &[], vec![], body);
}

fn a_loop_that_is_late_until_its_end_is_told_too() {
    let outcome = program(is_stuck_until_its_end).run();
    let lines: Vec<_> = outcome.prints("").stderr.lines().collect();
    tells_a_stall_and_the_end(&lines);
}

/// The last of the lines, which is the end.
fn tells_a_stall_and_the_end<'a>(lines: &[&'a str]) -> &'a str {
    let begin = |line: &str, begin: &str| assert!(line.starts_with(begin), "{line}");
    let [started, .., ended, end] = lines else {
        panic!("{lines:#?}")
    };
    let stall = "loopmon event=stall phase=";
    begin(
        started,
        &format!("{stall}started id=1 runtime=main worker=0 "),
    );
    begin(ended, &format!("{stall}ended id=1 runtime=main worker=0 "));
    begin(end, "loopmon event=end runtime=main window_s=");
    assert!(end.contains(" stalls=1 "), "{end}");
    end
}

fn a_late_loop_is_told_while_it_is_late_and_at_the_end() {
    let outcome = program(is_late).run();
    let lines: Vec<_> = outcome.prints("").stderr.lines().collect();
    let end = tells_a_stall_and_the_end(&lines);
    let max = end.split_once(" stall_max_s=").unwrap().1;
    let max: f64 = max.split(' ').next().unwrap().parse().unwrap();
    assert!(max > 0.6, "{max}");
}

fn tells_every_second() {
    let settings = &[(Key::Sink, "stderr?every=1s"), (Key::StallThreshold, "1h")];
    run_for(3, settings, || ());
}

fn a_machine_reads_logfmt() {
    let outcome = program(tells_every_second).run();
    let lines: Vec<_> = outcome.prints("").stderr.lines().collect();
    assert!(lines.len() >= 2, "{lines:#?}");
    for line in lines {
        let fields = line.strip_prefix("loopmon ").unwrap();
        let mut pairs = fields.split(' ').map(|pair| pair.split_once('=').unwrap());
        assert_eq!(pairs.next(), Some(("event", "sample")));
        assert_eq!(pairs.next(), Some(("runtime", "main")));
        assert!(
            pairs.all(|(key, value)| key == "probe" || value.parse::<f64>().is_ok()),
            "{line}"
        );
    }
}

fn a_terminal_shows_sentences() {
    let pty = openpty(None, None).unwrap();
    let outcome = program(tells_every_second).stderr(pty.slave).run();
    outcome.prints("");
    let mut shown = Vec::new();
    // A terminal without a program at its other end ends in an error.
    let _ended = File::from(pty.master).read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines.len() >= 2, "{shown}");
    for line in lines {
        assert!(line.starts_with("loopmon: main  lag p50 "), "{line}");
    }
}
