//! What it takes to name the code may be missing: a stall is told all the same, with what
//! is known of it, and the program goes on as it would without loopmon.

use std::fs::{self, Permissions};
use std::hint::black_box;
use std::io::{self, PipeReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::{
    Outcome, Program, Settings, Suite, annotated_main, program, skip, wait_until,
};
use loopmon::__private::Key;
use loopmon::Monitor;
use loopmon::json::{Kind, Line, StallLine};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::geteuid;
use tempfile::TempDir;

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(is_stuck)
        .program(is_stuck_without_proc)
        .program(is_stuck_where_no_signal_may_be_sent)
        .program(is_stuck_where_no_memory_may_be_read)
        .program(is_stuck_without_descriptors)
        .test(for_an_ordinary_user_stalls_are_told_in_full)
        .test(a_program_that_its_user_may_not_read_tells_its_stalls)
        .test(without_proc_stalls_are_told)
        .test(where_no_signal_may_be_sent_stalls_are_told_and_those_that_sleep_named)
        .test(where_no_memory_may_be_read_stalls_are_told_and_those_that_compute_named)
        .test(without_descriptors_stalls_are_told)
}

const SETTINGS: Settings = &[(Key::StallThreshold, "100ms")];

/// The program under test: first a call keeps a worker, then a computation does, each
/// until it has been told; without loopmon it is over at once. `lack` comes before that.
fn is_stuck_after(lack: fn()) -> ExitCode {
    annotated_main(SETTINGS, async move {
        let (reader, writer) = io::pipe().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        lack();
        println!("begins");
        let watching = when_told(1, || drop(writer));
        tokio::spawn(async { reads(reader) }).await.unwrap();
        watching.join().unwrap();
        // Else both may be one stall, of a worker that has not parked between them.
        while loopmon::current().is_some_and(|monitor| monitor.snapshot().stalls.active > 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ends = Arc::clone(&over);
        let watching = when_told(2, move || ends.store(true, Ordering::Relaxed));
        tokio::spawn(async move { computes(&over) }).await.unwrap();
        watching.join().unwrap();
        println!("ends");
        ExitCode::from(7)
    })
}

/// Calls `end` when so many stalls have been told, whatever they were taken for.
fn when_told(count: u64, end: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let monitor = loopmon::current();
    let told = |monitor: &Monitor| {
        let by_cause = monitor.snapshot().stalls.by_cause;
        by_cause.iter().map(|totals| totals.started).sum::<u64>()
    };
    thread::spawn(move || {
        if let Some(monitor) = monitor {
            wait_until(|| told(&monitor), |told| *told >= count);
        }
        end();
    })
}

#[inline(never)]
fn reads(mut pipe: PipeReader) {
    assert_eq!(pipe.read(&mut [0]).unwrap(), 0);
}

#[inline(never)]
fn computes(over: &AtomicBool) {
    let mut sum = 0_u64;
    while !over.load(Ordering::Relaxed) {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
    }
}

/// What is told of a stall's code.
enum Code {
    Named,
    /// For this reason, or one that begins so. The cause may be known all the same.
    Unnamed(&'static str),
}

/// Runs the program with and without loopmon. Both times it prints the same, and ends the
/// same way. Both stalls are told, with what is known of the code that `reads` and of the
/// code that `computes`.
#[track_caller]
fn tells_both_stalls(program: impl Fn() -> Program, reads: &Code, computes: &Code) {
    let without = program().env("LOOPMON_OFF", "1").run();
    if without.stdout.is_empty() {
        skip(format!("this can't be taken away here: {}", without.stderr));
    }
    let with = program().env("LOOPMON_SINK", "jsonl:-").run();
    for outcome in [&with, &without] {
        let own: Vec<_> = outcome
            .stdout
            .lines()
            .filter(|line| !is_record(line))
            .collect();
        assert_eq!(own, ["begins", "ends"], "{outcome:?}");
        assert_eq!((outcome.code(), &*outcome.stderr), (Some(7), ""));
    }
    let stalls = stalls_in(&with);
    is_told(&stalls, 1, "blocking", "process::without::reads", reads);
    is_told(&stalls, 2, "cpu", "process::without::computes", computes);
    assert!(stalls.iter().all(|stall| stall.id <= 2), "{stalls:#?}");
}

fn is_record(line: &str) -> bool {
    line.starts_with('{')
}

fn stalls_in(outcome: &Outcome) -> Vec<StallLine> {
    let records = outcome.stdout.lines().filter(|line| is_record(line));
    let kinds = records.map(|line| Line::read(line).unwrap().kind);
    let stalls = kinds.filter_map(|kind| match kind {
        Kind::Stall(stall) => Some(stall),
        _ => None,
    });
    stalls.collect()
}

/// The stall `id` is told from its start to its end, each time the same way.
#[track_caller]
fn is_told(all: &[StallLine], id: u64, cause: &str, function: &str, code: &Code) {
    let told: Vec<_> = all.iter().filter(|stall| stall.id == id).collect();
    let [started, .., ended] = &told[..] else {
        panic!("{all:#?}")
    };
    assert_eq!((&*started.phase, &*ended.phase), ("started", "ended"));
    let worker: usize = started.worker.parse().unwrap();
    assert!(worker < started.workers, "{started:#?}");
    assert!(started.duration_s >= 0.1, "{started:#?}");
    // Both numbers are rounded to microseconds.
    let at_least = |stall: &StallLine| stall.duration_s - stall.duration_error_s;
    assert!(at_least(ended) + 2e-6 >= at_least(started), "{told:#?}");
    for stall in &told {
        assert_eq!(stall.worker, started.worker);
        match code {
            // The machine itself may keep a computation from its core.
            _ if cause == "cpu" && stall.cause == "descheduled" => {}
            Code::Named => {
                assert_eq!(stall.cause, cause, "{stall:#?}");
                assert_eq!(stall.function.as_deref(), Some(function), "{stall:#?}");
                assert_eq!(stall.unnamed, None);
            }
            Code::Unnamed(why) => {
                assert!([cause, "unknown"].contains(&&*stall.cause), "{stall:#?}");
                assert_eq!(stall.function, None);
                let unnamed = stall.unnamed.as_deref().unwrap_or_default();
                assert!(unnamed.starts_with(why), "{stall:#?}");
            }
        }
    }
}

fn is_stuck() -> ExitCode {
    is_stuck_after(|| ())
}

/// A copy of the program that `user` runs, who may do this with its file.
fn by_user(user: u32, mode: u32) -> (TempDir, impl Fn() -> Program) {
    if !geteuid().is_root() {
        skip("only root can run a program as somebody else");
    }
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let path = dir.path().join("program");
    drop(Program::copied_to(is_stuck, &path));
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (dir, move || Program::at(is_stuck, &path).user(user))
}

fn for_an_ordinary_user_stalls_are_told_in_full() {
    let (_dir, program) = by_user(54_325, 0o755);
    tells_both_stalls(program, &Code::Named, &Code::Named);
}

fn a_program_that_its_user_may_not_read_tells_its_stalls() {
    let (_dir, program) = by_user(54_326, 0o711);
    let why = "/proc/self/task/*/syscall may not be read";
    tells_both_stalls(
        program,
        &Code::Unnamed(why),
        &Code::Unnamed("the program's file can't be read"),
    );
}

/// An empty directory takes the place of /proc, for this process alone.
fn is_stuck_without_proc() -> ExitCode {
    let (nothing, all) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(nothing, "/", nothing, all, nothing).unwrap();
    mount(
        Some("none"),
        "/proc",
        Some("tmpfs"),
        MsFlags::empty(),
        nothing,
    )
    .unwrap();
    is_stuck()
}

fn without_proc_stalls_are_told() {
    if !geteuid().is_root() {
        skip("only root can take /proc away");
    }
    let why = Code::Unnamed("no /proc");
    tells_both_stalls(|| program(is_stuck_without_proc), &why, &why);
}

/// From now on this call fails in this process, for want of permission.
fn forbid(call: libc::c_long) {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let step = |code: u32, jf, k| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt: 0,
        jf,
        k,
    };
    let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
    let mut steps = [
        // The number of the call comes first.
        step(LOAD, 0, 0),
        step(IF_EQUAL, 1, u32::try_from(call).unwrap()),
        step(RETURN, 0, refused),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: u16::try_from(steps.len()).unwrap(),
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: the filter is valid, and has so many steps.
    let set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const filter,
            ) == 0
    };
    assert!(set, "{}", io::Error::last_os_error());
}

fn is_stuck_where_no_signal_may_be_sent() -> ExitCode {
    forbid(libc::SYS_rt_tgsigqueueinfo);
    is_stuck()
}

fn where_no_signal_may_be_sent_stalls_are_told_and_those_that_sleep_named() {
    let program = || program(is_stuck_where_no_signal_may_be_sent);
    let why = Code::Unnamed("SIGURG can't be sent to a thread: Operation not permitted");
    tells_both_stalls(program, &Code::Named, &why);
}

fn is_stuck_where_no_memory_may_be_read() -> ExitCode {
    forbid(libc::SYS_process_vm_readv);
    is_stuck()
}

fn where_no_memory_may_be_read_stalls_are_told_and_those_that_compute_named() {
    let program = || program(is_stuck_where_no_memory_may_be_read);
    let why = Code::Unnamed("the process may not read its own memory");
    tells_both_stalls(program, &why, &Code::Named);
}

fn is_stuck_without_descriptors() -> ExitCode {
    is_stuck_after(|| setrlimit(Resource::RLIMIT_NOFILE, 0, 0).unwrap())
}

fn without_descriptors_stalls_are_told() {
    let why = Code::Unnamed("no descriptor left");
    tells_both_stalls(|| program(is_stuck_without_descriptors), &why, &why);
}
