//! `jsonl:PATH`: what it writes can be read back, and a path that is of no use harms
//! nobody.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{env, io};

use crate::support::{
    Outcome, Program, Suite, Told, annotated, annotated_main, make_events, program, read_records,
    stdin_ends, wait_until,
};
use loopmon::__private::{Flavor, Key};
use loopmon::json::Line;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use tempfile::TempDir;

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(greets)
        .program(greets_on_stderr)
        .program(greets_and_waits)
        .program(runs_for_three_samples)
        .program(makes_events_after_a_while)
        .program(fills_its_disk_within_a_line)
        .program(fills_its_disk_between_lines)
        .test(start_samples_and_end_are_read_back_in_order)
        .test(a_second_run_is_appended)
        .test(a_directory_loses_all_events_and_says_so)
        .test(a_file_that_may_not_be_written_loses_all_events_and_says_so)
        .test(a_full_disk_loses_all_events_and_says_so)
        .test(a_fifo_that_nobody_reads_does_not_keep_the_program)
        .test(a_reader_that_comes_later_gets_every_event)
        .test(a_directory_that_comes_later_gets_the_events_from_then_on)
        .test(a_torn_line_is_not_glued_to_the_next)
        .test(a_disk_that_is_full_between_two_lines_leaves_no_empty_line)
        .test(standard_output_that_is_closed_loses_events_only)
}

fn greets() {
    annotated_main(&[], async { println!("hello") });
}

fn greets_on_stderr() {
    annotated_main(&[], async { eprintln!("hello") });
}

fn greets_and_waits() {
    annotated_main(&[], async {
        println!("hello");
        stdin_ends().await;
    });
}

/// With `jsonl:PATH` as its sink.
fn into(path: &Path, program: Program) -> Program {
    program.env("LOOPMON_SINK", format!("jsonl:{}", path.display()))
}

/// The program went on, and told that both events it had were lost, and why.
#[track_caller]
fn lost_both_events(outcome: &Outcome, why: &str) {
    let notices = outcome.prints("hello\n").notices();
    assert!(
        notices.len() == 2
            && notices[0].contains(why)
            && notices[0].ends_with("; events are being lost, it is tried again")
            && notices[1].ends_with("lost 2 events"),
        "{notices:#?}"
    );
}

fn runs_for_three_samples() {
    let told = Told::default();
    let sink = Box::new(told.clone());
    let settings = &[(Key::StallThreshold, "1h")];
    annotated(Flavor::MultiThread, settings, vec![sink], async {
        wait_until(|| told.count(), |count| *count >= 4);
    });
}

fn start_samples_and_end_are_read_back_in_order() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("with spaces, 100% and a ?");
    let escaped = file.display().to_string();
    let escaped = escaped
        .replace('%', "%25")
        .replace(' ', "%20")
        .replace('?', "%3F");
    let outcome = program(runs_for_three_samples)
        .env("LOOPMON_SINK", format!("jsonl:{escaped}"))
        .run();
    assert_eq!(outcome.succeeds().notices(), [""; 0]);
    let text = fs::read_to_string(file).unwrap();
    let records = read_records(&text);
    let (first, rest) = records.split_first().unwrap();
    let (last, samples) = rest.split_last().unwrap();
    assert_eq!((&**first, &**last), ("start main", "end main"));
    assert!(samples.len() >= 3, "{records:?}");
    assert!(samples.iter().all(|s| s == "sample main"), "{records:?}");
    let times = text
        .lines()
        .map(|line| Line::read(line).unwrap().monotonic_s);
    assert!(times.is_sorted(), "{text}");
}

fn a_second_run_is_appended() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("records");
    for _ in 0..2 {
        into(&file, program(greets)).run().prints("hello\n");
    }
    assert_eq!(
        read_records(&fs::read_to_string(file).unwrap()),
        ["start main", "end main", "start main", "end main"]
    );
}

fn a_directory_loses_all_events_and_says_so() {
    let dir = TempDir::new().unwrap();
    let outcome = into(dir.path(), program(greets)).run();
    lost_both_events(&outcome, "Is a directory");
}

fn a_file_that_may_not_be_written_loses_all_events_and_says_so() {
    const SOMEBODY: u32 = 54_323;
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let file = dir.path().join("records");
    File::create(&file).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    // Nothing is forbidden to root.
    let program = if geteuid().is_root() {
        Program::copied_to(greets, &dir.path().join("program")).user(SOMEBODY)
    } else {
        program(greets)
    };
    lost_both_events(&into(&file, program).run(), "Permission denied");
}

fn a_full_disk_loses_all_events_and_says_so() {
    let outcome = into(Path::new("/dev/full"), program(greets)).run();
    lost_both_events(&outcome, "No space left on device");
}

/// A FIFO in a new directory.
fn fifo() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fifo");
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    (dir, path)
}

fn a_fifo_that_nobody_reads_does_not_keep_the_program() {
    let (_dir, path) = fifo();
    let outcome = into(&path, program(greets)).run();
    let notice = outcome.prints("hello\n").notice();
    assert!(notice.ends_with("lost 2 events"), "{notice}");
}

fn a_reader_that_comes_later_gets_every_event() {
    let (_dir, path) = fifo();
    let running = into(&path, program(greets_and_waits))
        .stdin(Stdio::piped())
        .start();
    wait_until(|| running.stdout_so_far(), |stdout| stdout == "hello\n");
    let reader = File::open(&path).unwrap();
    let outcome = running.end();
    assert_eq!(outcome.prints("hello\n").stderr, "");
    let mut records = read_records(&io::read_to_string(reader).unwrap());
    records.retain(|record| record != "sample main");
    assert_eq!(records, ["start main", "end main"]);
}

/// Makes two events at once, and two after standard input has ended.
fn makes_events_after_a_while() {
    let told = Told::default();
    let sink = Box::new(told.clone());
    annotated(Flavor::MultiThread, &[], vec![sink], async {
        stdin_ends().await;
        make_events(1, &told);
    });
}

fn a_directory_that_comes_later_gets_the_events_from_then_on() {
    let dir = TempDir::new().unwrap();
    let later = dir.path().join("later");
    let file = later.join("records");
    let mut running = into(&file, program(makes_events_after_a_while))
        .stdin(Stdio::piped())
        .start();
    wait_until(
        || running.stderr_so_far(),
        |stderr| stderr.contains("No such file or directory"),
    );
    fs::create_dir(later).unwrap();
    running.go_on();
    let outcome = running.end();
    outcome.succeeds();
    let records = read_records(&fs::read_to_string(file).unwrap());
    // The second event may have been lost as well, before the directory was there.
    assert_eq!(records.last().unwrap(), "end main");
    assert!(outcome.stderr.contains("works again; lost so far: "));
}

/// Lets files of this process grow to `size` bytes and no further: a disk that is
/// full then. The signal that goes with it never reaches the threads of loopmon.
fn let_files_grow_to(size: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, size.min(hard), hard).unwrap();
}

/// The file behind `LOOPMON_SINK`.
fn own_file() -> PathBuf {
    let sink = env::var("LOOPMON_SINK").unwrap();
    sink.strip_prefix("jsonl:").unwrap().into()
}

fn fills_its_disk_within_a_line() {
    let told = Told::default();
    let sink = Box::new(told.clone());
    let_files_grow_to(100);
    annotated(Flavor::MultiThread, &[], vec![sink], async {
        stdin_ends().await;
        let_files_grow_to(u64::MAX);
        make_events(1, &told);
    });
}

/// Starts a program that fills its disk, lets it go on when it has said so, and
/// returns what is in its file then.
fn file_of_a_program_that_fills_its_disk<F: Fn()>(run: F) -> String {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("records");
    let mut running = into(&file, program(run)).stdin(Stdio::piped()).start();
    wait_until(
        || running.stderr_so_far(),
        |stderr| stderr.contains("File too large"),
    );
    running.go_on();
    let outcome = running.end();
    let notices = outcome.succeeds().notices();
    assert_eq!(notices.len(), 3, "{notices:?}");
    assert!(notices[1].contains("works again"), "{notices:?}");
    assert!(notices[2].contains(" lost "), "{notices:?}");
    fs::read_to_string(file).unwrap()
}

fn a_torn_line_is_not_glued_to_the_next() {
    let text = file_of_a_program_that_fills_its_disk(fills_its_disk_within_a_line);
    let (torn, whole) = text.split_once('\n').unwrap();
    assert_eq!(torn.len(), 100);
    assert!(Line::read(torn).is_err());
    assert_eq!(read_records(whole).last().unwrap(), "end main");
}

fn fills_its_disk_between_lines() {
    let told = Told::default();
    let sink = Box::new(told.clone());
    annotated(Flavor::MultiThread, &[], vec![sink], async {
        let whole_lines = || {
            let text = fs::read_to_string(own_file()).unwrap_or_default();
            text.ends_with('\n').then_some(text.len() as u64)
        };
        let_files_grow_to(wait_until(whole_lines, Option::is_some).unwrap());
        make_events(1, &told);
        stdin_ends().await;
        let_files_grow_to(u64::MAX);
        make_events(1, &told);
    });
}

fn a_disk_that_is_full_between_two_lines_leaves_no_empty_line() {
    let text = file_of_a_program_that_fills_its_disk(fills_its_disk_between_lines);
    let records = read_records(&text);
    assert_eq!(records.first().unwrap(), "start main");
    assert_eq!(records.last().unwrap(), "end main");
}

fn standard_output_that_is_closed_loses_events_only() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let outcome = program(greets_on_stderr)
        .env("LOOPMON_SINK", "jsonl:-")
        .stdout(writer)
        .run();
    let notices = outcome.succeeds().notices();
    assert_eq!(notices.len(), 2, "{outcome:?}");
    assert!(notices[0].contains("Broken pipe"), "{notices:?}");
    assert!(notices[1].contains("lost 2 events"), "{notices:?}");
    assert!(outcome.stderr.lines().any(|line| line == "hello"));
}
