//! What the operating system refuses, closes, sends or hands on.

use std::fs::{self, Permissions};
use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;
use std::{env, thread};

use crate::support::{
    Outcome, Program, Suite, annotated, annotated_main, descriptors, program, skip, threads,
    wait_until,
};
use loopmon::__private::Flavor;
use loopmon::Monitor;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, signal};
use nix::unistd::{geteuid, getpid};
use tempfile::TempDir;
use tokio::runtime::Builder;

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(greets)
        .program(has_few_threads)
        .program(has_few_descriptors)
        .program(has_a_child)
        .program(has_a_child_without_loopmon)
        .program(lists_descriptors)
        .program(is_pinged_with_sigpipe_fatal)
        .check(a_signal_always_reaches_sigwait_that_was_set_up_before)
        .check(a_signal_always_reaches_sigwait_that_is_set_up_later)
        .test(without_threads_the_program_runs_unmonitored_and_says_so_in_one_line)
        .test(without_a_descriptor_everything_but_lag_is_measured_and_one_line_says_so)
        .test(a_closed_standard_error_changes_nothing)
        .test(a_closed_standard_output_changes_nothing)
        .test(a_full_standard_error_that_nobody_reads_changes_nothing)
        .test(a_child_inherits_no_descriptor_of_ours)
        .test(a_ping_after_the_runtime_is_gone_is_no_sigpipe)
}

fn greets() {
    annotated_main(&[], async { println!("hello") });
}

/// Lowers a limit of this process for good.
fn limit(resource: Resource, to: u64) {
    setrlimit(resource, to, to).unwrap();
}

/// How much the program under test has to spare of what it lacks.
fn spare() -> u64 {
    env::var("SPARE").unwrap().parse().unwrap()
}

fn has_few_threads() {
    limit(Resource::RLIMIT_NPROC, 1 + spare());
    annotated(Flavor::CurrentThread, &[], vec![], async {
        let monitored = loopmon::current().is_some();
        println!("monitored: {monitored}");
        if !monitored {
            wait_until(threads, |threads| threads.len() == 1);
        }
    });
}

/// Runs [`has_few_threads`] as a user who has no threads yet, because the limit counts
/// all threads of a user. It does not hold for root.
fn with_spare_threads(user: u32, spare: u64) -> Outcome {
    if !geteuid().is_root() {
        skip("only root can run a program as a user who has no other threads");
    }
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    Program::copied_to(has_few_threads, &dir.path().join("program"))
        .user(user)
        .env("SPARE", spare.to_string())
        .run()
}

fn without_threads_the_program_runs_unmonitored_and_says_so_in_one_line() {
    const USER: u32 = 54_324;
    for spare in [0, 1] {
        let outcome = with_spare_threads(USER, spare);
        let notice = outcome.prints("monitored: false\n").notice();
        assert!(
            notice.starts_with("this program runs unmonitored: could not start a thread: "),
            "{notice}"
        );
    }
    // The watchdog's and one of the sink are all that loopmon needs.
    let outcome = with_spare_threads(USER, 2);
    assert_eq!(outcome.prints("monitored: true\n").stderr, "");
}

fn has_few_descriptors() {
    let plain = Builder::new_current_thread().enable_all().build().unwrap();
    // The next descriptor would have the lowest number that is free.
    let next = io::pipe().unwrap().0.as_raw_fd();
    drop(plain);
    limit(
        Resource::RLIMIT_NOFILE,
        u64::try_from(next).unwrap() + spare(),
    );
    annotated(Flavor::CurrentThread, &[], vec![], async {
        let monitor = loopmon::current().unwrap();
        println!("tasks: {:?}", monitor.active_tasks());
        println!("measured: {}", monitor.snapshot().unmeasured.is_none());
    });
}

fn without_a_descriptor_everything_but_lag_is_measured_and_one_line_says_so() {
    let outcome = program(has_few_descriptors).env("SPARE", "0").run();
    let notice = outcome.prints("tasks: Some(0)\nmeasured: false\n").notice();
    let expected = "lag is not measured: no descriptor for the probe: Too many open files";
    assert!(notice.starts_with(expected), "{notice}");
    // The bell's is all that loopmon needs.
    let outcome = program(has_few_descriptors).env("SPARE", "1").run();
    let stdout = "tasks: Some(0)\nmeasured: true\n";
    assert_eq!(outcome.prints(stdout).stderr, "");
}

fn a_closed_standard_error_changes_nothing() {
    let closed = Program::through_shell(greets, r#"exec "$0" 2>&-"#);
    closed
        .env("LOOPMON_INTERVAL", "abc")
        .run()
        .prints("hello\n");
}

fn a_closed_standard_output_changes_nothing() {
    let closed = Program::through_shell(greets, r#"exec "$0" >&-"#);
    let outcome = closed.env("LOOPMON_SINK", "jsonl:-").run();
    assert_eq!(outcome.prints("").stderr, "");
}

/// A pipe that takes nothing more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while writer.write(&[0; 4096]).is_ok() {}
    while writer.write(&[0]).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    (reader, writer)
}

fn a_full_standard_error_that_nobody_reads_changes_nothing() {
    for (variable, value) in [
        ("LOOPMON_INTERVAL", "abc"),
        ("LOOPMON_SINK", "jsonl:/dev/full"),
        ("LOOPMON_SINK", "jsonl:/dev/full stderr"),
    ] {
        let (_reader, writer) = full_pipe();
        let outcome = program(greets).env(variable, value).stderr(writer).run();
        outcome.prints("hello\n");
    }
}

fn has_a_child() {
    annotated_main(&[], async { list_descriptors_in_a_child() });
}

#[tokio::main]
async fn has_a_child_without_loopmon() {
    list_descriptors_in_a_child();
}

fn list_descriptors_in_a_child() {
    let child = program(lists_descriptors).stdout(Stdio::inherit());
    child.run().succeeds();
}

fn lists_descriptors() {
    println!("{:?}", descriptors());
}

fn a_child_inherits_no_descriptor_of_ours() {
    let plain = program(has_a_child_without_loopmon).run();
    assert!(plain.stdout.contains("pipe"), "{plain:?}");
    program(has_a_child).run().prints(&plain.stdout);
}

fn is_pinged_with_sigpipe_fatal() {
    // SAFETY: the default action runs no code of ours.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.unwrap();
    for _ in 0..50 {
        let runtimes = [(); 3].map(|()| Builder::new_multi_thread().enable_io().build().unwrap());
        for runtime in &runtimes {
            let monitor = Monitor::builder().interval(Duration::from_millis(1));
            let monitor = monitor.attach(runtime.handle()).unwrap();
            wait_until(|| monitor.lag(), Option::is_some);
        }
        drop(runtimes);
    }
    println!("alive");
    let (reader, mut writer) = io::pipe().unwrap();
    drop(reader);
    let _not_reached = writer.write(&[0]);
    println!("a broken pipe is not fatal here");
}

fn a_ping_after_the_runtime_is_gone_is_no_sigpipe() {
    let outcome = program(is_pinged_with_sigpipe_fatal).run();
    assert_eq!(outcome.stdout, "alive\n", "{outcome:?}");
    assert_eq!(outcome.signal(), Some(Signal::SIGPIPE as i32));
}

/// Waits for signals in a thread, and sends this process many. Any other thread that
/// took one would end the program.
fn send_and_receive_signals() {
    const SIGNALS: usize = 200;
    let (sender, receiver) = mpsc::channel();
    let waiter = thread::spawn(move || {
        for _ in 0..SIGNALS {
            sender.send(terminating().wait().unwrap()).unwrap();
        }
    });
    for _ in 0..SIGNALS {
        kill(getpid(), Signal::SIGTERM).unwrap();
        assert_eq!(receiver.recv(), Ok(Signal::SIGTERM));
    }
    waiter.join().unwrap();
}

fn terminating() -> SigSet {
    Signal::SIGTERM.into()
}

fn a_signal_always_reaches_sigwait_that_was_set_up_before() {
    terminating().thread_block().unwrap();
    for _ in 0..20 {
        annotated_main(&[], async { send_and_receive_signals() });
    }
}

fn a_signal_always_reaches_sigwait_that_is_set_up_later() {
    for _ in 0..20 {
        terminating().thread_unblock().unwrap();
        annotated(Flavor::CurrentThread, &[], vec![], async {
            terminating().thread_block().unwrap();
            send_and_receive_signals();
        });
    }
}
