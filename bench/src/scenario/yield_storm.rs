//! Instructions per poll of a task that does nothing but yield, on a current-thread
//! runtime and on one with a worker thread, counted by callgrind for the worker's thread
//! alone. The twin is plain Tokio beside one sleeping thread, because the C library takes
//! short cuts in programs that have only one.

use std::fs;
use std::path::Path;
use std::thread;

use loopmon::Monitor;
use tokio::runtime::Builder;

use super::Effort;
use crate::child;
use crate::report::Report;

/// Callgrind counts threads from 1, the main thread; Tokio's worker is the first that
/// the program starts.
const FLAVORS: [(&str, &str); 2] = [("current_thread", "out-01"), ("multi_thread", "out-02")];

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let yields = effort.pick(2_000_000, 200_000);
    for (flavor, thread) in FLAVORS {
        compare(&mut report, flavor, thread, yields);
    }
    report
}

fn compare(report: &mut Report, flavor: &str, thread: &str, yields: u32) {
    let count = |variant| instructions(&[flavor, variant], thread, yields);
    let (Some(plain), Some(watched)) = (count("plain"), count("loopmon")) else {
        let missing = "valgrind is missing".into();
        report.goal("worker's instructions", missing, "counted", false);
        return;
    };
    let more = (watched / plain - 1.0) * 100.0;
    report.goal(
        &format!("{flavor}: worker's instructions above plain Tokio beside a sleeping thread"),
        format!("{more:+.4} %"),
        "at most 0.05 %",
        more <= 0.05,
    );
    let each = f64::from(yields);
    report.note(format!(
        "{flavor}: per poll {:.2} with loopmon, {:.2} without; {yields} polls",
        watched / each,
        plain / each
    ));
}

/// Instructions that the worker needs for `yields` polls: the difference to a run
/// without any, which leaves out start and end of the program.
fn instructions(variant: &[&str], thread: &str, yields: u32) -> Option<f64> {
    Some(count(variant, thread, yields)? - count(variant, thread, 0)?)
}

fn count(variant: &[&str], thread: &str, yields: u32) -> Option<f64> {
    let folder = std::env::temp_dir().join(format!("loopmon-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder");
    let wrapper = [
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        "--separate-threads=yes".to_owned(),
        format!("--callgrind-out-file={}", folder.join("out").display()),
        "--quiet".to_owned(),
    ];
    let yields = yields.to_string();
    let arguments = [variant, &[&yields]].concat();
    let status = child::command(&wrapper, "yield-storm", &arguments).status();
    let counted = status
        .is_ok_and(|status| status.success())
        .then(|| total(&folder.join(thread)));
    fs::remove_dir_all(&folder).expect("the folder was ours");
    counted
}

/// The instructions of one thread: the line `totals:` of its file.
fn total(file: &Path) -> f64 {
    let text = fs::read_to_string(file).expect("callgrind writes a file a thread");
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    line.and_then(|line| line.trim().parse().ok())
        .expect("a line of totals")
}

/// The program that callgrind watches.
pub(crate) fn child(arguments: &[String]) {
    let [flavor, variant, yields] = arguments else {
        return;
    };
    let yields: u32 = yields.parse().expect("a number of yields");
    let mut builder = match flavor.as_str() {
        "multi_thread" => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    builder.enable_all().worker_threads(1);
    let storm = async move {
        let task = tokio::spawn(async move {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
        });
        task.await.expect("the task ends");
    };
    if variant == "loopmon" {
        let (runtime, _monitor) = Monitor::builder().build(&mut builder).expect("a runtime");
        runtime.block_on(storm);
    } else {
        let runtime = builder.build().expect("a runtime");
        let sleeper = thread::spawn(thread::park);
        runtime.block_on(storm);
        sleeper.thread().unpark();
    }
}
