//! Instructions per poll of a task that does nothing but yield, on a current-thread
//! runtime, counted by callgrind for the worker's thread alone. The twin is plain
//! Tokio beside one sleeping thread, because the C library takes short cuts in
//! programs that have only one.

use std::fs;
use std::path::Path;
use std::thread;

use loopmon::Monitor;
use tokio::runtime::Builder;

use super::Effort;
use crate::child;
use crate::report::Report;

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let yields = effort.pick(2_000_000, 200_000);
    let (Some(plain), Some(watched)) = (
        instructions("plain", yields),
        instructions("loopmon", yields),
    ) else {
        report.goal(
            "worker's instructions",
            "valgrind is missing".into(),
            "counted",
            false,
        );
        return report;
    };
    let more = (watched / plain - 1.0) * 100.0;
    report.goal(
        "worker's instructions above plain Tokio beside a sleeping thread",
        format!("{more:+.4} %"),
        "at most 0.05 %",
        more <= 0.05,
    );
    let each = f64::from(yields);
    report.note(format!(
        "per poll {:.2} with loopmon, {:.2} without; {yields} polls",
        watched / each,
        plain / each
    ));
    report
}

/// Instructions that the worker needs for `yields` polls: the difference to a run
/// without any, which leaves out start and end of the program.
fn instructions(variant: &str, yields: u32) -> Option<f64> {
    Some(count(variant, yields)? - count(variant, 0)?)
}

fn count(variant: &str, yields: u32) -> Option<f64> {
    let folder = std::env::temp_dir().join(format!("loopmon-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder");
    let wrapper = [
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        "--separate-threads=yes".to_owned(),
        format!("--callgrind-out-file={}", folder.join("out").display()),
        "--quiet".to_owned(),
    ];
    let status = child::command(&wrapper, "yield-storm", &[variant, &yields.to_string()]).status();
    let counted = status
        .is_ok_and(|status| status.success())
        .then(|| total(&folder.join("out-01")));
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
    let [variant, yields] = arguments else { return };
    let yields: u32 = yields.parse().expect("a number of yields");
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
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
        let sleeper = thread::spawn(thread::park);
        builder.build().expect("a runtime").block_on(storm);
        sleeper.thread().unpark();
    }
}
