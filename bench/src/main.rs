//! What loopmon sees and what it costs. See README.md.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench tells by printing, and stops where it can't measure"
)]

mod blocker;
mod child;
mod dice;
mod quiet;
mod report;
mod scenario;
mod stats;
mod tally;
mod truth;
mod usage;
mod witness;

use std::process::ExitCode;
use std::time::Instant;

use scenario::Effort;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [child, name, rest @ ..] = arguments.as_slice()
        && child == child::MARK
    {
        let (_, program) = scenario::CHILDREN
            .iter()
            .find(|(known, _)| known == name)
            .expect("a known child");
        program(rest);
        return ExitCode::SUCCESS;
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let effort = if has("--quick") {
        Effort::Quick
    } else {
        Effort::Full
    };
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let known =
        |name: &&String| *name == "all" || scenario::ALL.iter().any(|(known, _)| known == name);
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        let names: Vec<&str> = scenario::ALL.iter().map(|(name, _)| *name).collect();
        println!(
            "no such scenario `{unknown}`; accepted: all, {}",
            names.join(", ")
        );
        return ExitCode::FAILURE;
    }
    let all = wanted.is_empty() || wanted.iter().any(|name| *name == "all");
    println!("{}\n", machine());
    let mut met = true;
    for (name, run) in scenario::ALL {
        if all || wanted.iter().any(|wanted| *wanted == name) {
            let started = Instant::now();
            println!(
                "{name}{}",
                effort.pick("", " (quick: too short for the goals)")
            );
            let report = run(effort);
            met &= report.met();
            println!(
                "{}  took {:.0} s\n",
                report.to_text(),
                started.elapsed().as_secs_f64()
            );
        }
    }
    if has("--check") && !met {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "));
    let load = read("/proc/loadavg");
    format!(
        "{cores} cores, {}, Linux {}, load {}",
        model.unwrap_or("unknown processor"),
        kernel.trim(),
        load.split(' ').next().unwrap_or_default(),
    )
}
