//! A process that is stopped for a second and goes on is not stuck, whether it was busy or
//! idle: nothing may be told.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;

use super::Effort;
use super::no_stall::{POLL, end, saturate};
use crate::child;
use crate::report::Report;
use crate::witness::Witness;

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    for variant in ["busy", "idle"] {
        stop(&mut report, variant, effort.pick(10, 2));
    }
    report
}

fn stop(report: &mut Report, variant: &str, times: u32) {
    const SECOND: Duration = Duration::from_secs(1);
    let length = (SECOND * 3 / 2 * (times + 1)).as_millis().to_string();
    let mut command = child::command(&[], "stopped-process", &[variant, &length]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a child");
    for _ in 0..times {
        thread::sleep(SECOND / 2);
        signal(child.id(), "-STOP");
        thread::sleep(SECOND);
        signal(child.id(), "-CONT");
    }
    let mut told = String::new();
    let mut output = child.stdout.take().expect("it is piped");
    output.read_to_string(&mut told).expect("text");
    child.wait().expect("the child ends");
    let stalls = told.lines().filter(|line| *line != "done");
    let count = stalls.clone().count();
    let done = told.ends_with("done\n");
    report.goal(
        &format!("stopped for 1 s {times} times while {variant}, stalls told"),
        format!("{count}{}", if done { "" } else { ", then lost" }),
        "none",
        count == 0 && done,
    );
    for stall in stalls {
        report.note(stall.into());
    }
}

fn signal(process: u32, signal: &str) {
    let process = process.to_string();
    let sent = Command::new("kill").args([signal, &process]).status();
    assert!(sent.expect("kill runs").success(), "the child lives");
}

/// The program that is stopped. It says what it was told.
pub(crate) fn child(arguments: &[String]) {
    let [variant, millis] = arguments else { return };
    let length = Duration::from_millis(millis.parse().expect("a length"));
    let witness = Witness::default();
    let mut tokio = Builder::new_multi_thread();
    tokio.enable_all().worker_threads(2);
    let watched = witness.monitor().build(&mut tokio).expect("a runtime");
    if variant == "busy" {
        saturate(&watched.0, length, POLL);
    } else {
        thread::sleep(length);
    }
    for told in witness.take() {
        println!("{told:?}");
    }
    println!("done");
    end(watched);
}
