//! One real blocker for each kind of advice that can run here, wherever it can stand.

use loopmon::{Cause, Monitor, Phase};

use crate::blockers;
use crate::scene::{brief, line, next_named, set_told};
use crate::support::{StallLog, Suite, annotated, program, skip, wait_until};
use loopmon::__private::Flavor;

pub(super) fn suite() -> Suite {
    Suite::default()
        .check(every_kind_is_named_on_a_worker)
        .check(every_kind_is_named_on_one_thread)
        .check(every_kind_is_named_in_the_future_of_main)
        .program(a_name_that_nobody_resolves)
        .test(waiting_for_a_server_of_names_is_named)
}

struct Kind {
    block: fn(),
    function: &'static str,
    called: &'static str,
    cause: Cause,
    advice: &'static str,
}

const KINDS: [Kind; 18] = [
    kind(
        blockers::sleep,
        "sleep",
        "std::thread::sleep",
        "tokio::time::sleep",
    ),
    kind(blockers::fifo, "fifo", "std::fs::File::open", "tokio::fs"),
    kind(
        blockers::file_read,
        "file_read",
        "std::fs::read",
        "tokio::fs",
    ),
    kind(
        blockers::mutex,
        "mutex",
        "std::sync::Mutex::lock",
        "tokio::sync::Mutex",
    ),
    kind(
        blockers::parking_lot_mutex,
        "parking_lot_mutex",
        "parking_lot",
        "tokio::sync::Mutex",
    ),
    kind(
        blockers::condvar,
        "condvar",
        "std::sync::Condvar::wait",
        "tokio::sync::Notify",
    ),
    kind(
        blockers::channel,
        "channel",
        "std::sync::mpsc",
        "tokio::sync",
    ),
    kind(blockers::join, "join", "JoinHandle::join", "spawn_blocking"),
    kind(blockers::tcp_read, "tcp_read", "socket", "tokio::net"),
    kind(
        blockers::accept,
        "accept",
        "std::net::TcpListener",
        "tokio::net",
    ),
    kind(blockers::http, "http", "minreq", "async"),
    kind(
        blockers::child,
        "child",
        "std::process::Command",
        "tokio::process",
    ),
    kind(blockers::block_on, "block_on", "block_on", "await"),
    kind(blockers::pipe, "pipe", "read", "tokio::net::unix::pipe"),
    computes(blockers::password, "password", "argon2", "spawn_blocking"),
    computes(
        blockers::compression,
        "compression",
        "flate2",
        "spawn_blocking",
    ),
    computes(blockers::json, "json", "serde_json", "spawn_blocking"),
    computes(blockers::regex, "regex", "fancy_regex", "spawn_blocking"),
];

const fn kind(
    block: fn(),
    function: &'static str,
    called: &'static str,
    advice: &'static str,
) -> Kind {
    Kind {
        block,
        function,
        called,
        cause: Cause::Blocking,
        advice,
    }
}

const fn computes(
    block: fn(),
    function: &'static str,
    called: &'static str,
    advice: &'static str,
) -> Kind {
    Kind {
        cause: Cause::Cpu,
        ..kind(block, function, called, advice)
    }
}

/// Lets each kind block where `run` puts it, and looks what is told.
fn each(log: &StallLog, run: impl Fn(fn())) {
    for kind in &KINDS {
        let before = log.of(Phase::Started).len();
        set_told(false);
        run(kind.block);
        is_named(log, before, kind);
    }
}

#[track_caller]
fn is_named(log: &StallLog, before: usize, kind: &Kind) {
    let (stall, culprit) = next_named(log, before);
    set_told(true);
    let place = (&*culprit.function, culprit.file.as_deref(), culprit.line);
    let function = format!("culprits::blockers::{}", kind.function);
    let file = Some("tests/culprits/blockers.rs");
    assert_eq!(place, (&*function, file, Some(line())), "{}", brief(&stall));
    assert_eq!(stall.cause, kind.cause, "{}", brief(&stall));
    let called = culprit.called.as_deref().unwrap_or_default();
    assert!(
        called.contains(kind.called),
        "{} called {called}",
        kind.function
    );
    let advice = culprit.advice.unwrap_or_default();
    assert!(advice.contains(kind.advice), "{}: {advice}", kind.function);
    wait_until(|| log.of(Phase::Ended).len(), |ended| *ended > before);
}

fn every_kind_is_named_on_a_worker() {
    blockers::prepare();
    let log = StallLog::default();
    let mut tokio = tokio::runtime::Builder::new_multi_thread();
    let builder = Monitor::builder().sink(log.clone());
    let (runtime, _monitor) = builder.build(tokio.worker_threads(2).enable_all()).unwrap();
    each(&log, |block| drop(runtime.spawn(async move { block() })));
}

fn every_kind_is_named_on_one_thread() {
    blockers::prepare();
    let log = StallLog::default();
    let sinks: Vec<Box<dyn loopmon::Sink>> = vec![Box::new(log.clone())];
    annotated(Flavor::CurrentThread, &[], sinks, async {
        for kind in &KINDS {
            let before = log.of(Phase::Started).len();
            set_told(false);
            // This thread is blocked as well.
            let (log, watched) = (log.clone(), log.clone());
            let check = std::thread::spawn(move || is_named(&log, before, kind));
            tokio::spawn(async move { (kind.block)() }).await.unwrap();
            tokio::task::spawn_blocking(|| check.join().unwrap())
                .await
                .unwrap();
            drop(watched);
        }
    });
}

fn every_kind_is_named_in_the_future_of_main() {
    blockers::prepare();
    let log = StallLog::default();
    let sinks: Vec<Box<dyn loopmon::Sink>> = vec![Box::new(log.clone())];
    annotated(Flavor::MultiThread, &[], sinks, async {
        for kind in &KINDS {
            let before = log.of(Phase::Started).len();
            set_told(false);
            let told = log.clone();
            let check = std::thread::spawn(move || is_named(&told, before, kind));
            (kind.block)();
            tokio::task::spawn_blocking(|| check.join().unwrap())
                .await
                .unwrap();
        }
    });
}

/// Needs files and ports that only root may have.
fn a_name_that_nobody_resolves() {
    blockers::use_a_silent_server_of_names().unwrap();
    let log = StallLog::default();
    let mut tokio = tokio::runtime::Builder::new_multi_thread();
    let builder = Monitor::builder().sink(log.clone());
    let (runtime, _monitor) = builder.build(tokio.worker_threads(2).enable_all()).unwrap();
    runtime.spawn(async { blockers::dns() });
    let waits = kind(
        blockers::dns,
        "dns",
        "ToSocketAddrs",
        "tokio::net::lookup_host",
    );
    is_named(&log, 0, &waits);
}

fn waiting_for_a_server_of_names_is_named() {
    if !nix::unistd::geteuid().is_root() {
        skip("only root may replace the server of names for one process");
    }
    program(a_name_that_nobody_resolves).run().succeeds();
}
