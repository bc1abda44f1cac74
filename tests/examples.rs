//! Each example runs to its end and shows what it promises.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::Command;

struct Shown {
    stdout: String,
    stderr: String,
}

/// `cargo test` builds the examples beside the tests.
fn run(example: &str) -> Shown {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    let output = Command::new(path.join(example)).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let shown = Shown {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        shown.stdout,
        shown.stderr
    );
    shown
}

/// The value of `key=` in a logfmt line.
fn field(line: &str, key: &str) -> Option<f64> {
    let (_, rest) = line.split_once(&format!(" {key}="))?;
    rest.split(' ').next()?.parse().ok()
}

/// A run in which the machine gave loopmon's own thread a core whenever it wanted
/// one. In others the loop may be late at any time; they are discarded.
fn run_calmly(example: &str) -> Option<Shown> {
    const TRIES: usize = 5;
    const BOUND_S: f64 = 0.05;
    (0..TRIES).map(|_| run(example)).find(|shown| {
        let host_lag = |line| field(line, "host_lag_max_s").unwrap_or(0.0);
        shown.stderr.lines().all(|line| host_lag(line) < BOUND_S)
    })
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[test]
fn quickstart_shows_the_lag_rise_while_the_fault_is_deployed() {
    let Some(shown) = run_calmly("quickstart") else {
        return skipped("quickstart: the machine was late in every run");
    };
    let of_each_line = |key| {
        shown
            .stderr
            .lines()
            .filter_map(move |line| field(line, key))
    };
    let lags: Vec<f64> = of_each_line("lag_p99_s").collect();
    assert!(
        lags.len() >= 9,
        "a line a second for ten seconds:\n{}",
        shown.stderr
    );
    // Three seconds healthy, three faulty, three healthy again; in between a second
    // has both.
    let calm = median(&[&lags[..3], &lags[8..]].concat());
    let late = median(&lags[4..6]);
    assert!(late > 3.0 * calm, "{late} beside {calm} in {lags:?}");
    let told = |what| {
        shown
            .stderr
            .lines()
            .filter(|line| line.contains(what))
            .count()
    };
    assert_eq!(told("phase=started"), 5, "in full:\n{}", shown.stderr);
    assert!(told(" stalls_held_back=") >= 1, "{}", shown.stderr);
    assert!(
        of_each_line("active_tasks").any(|count| count > 0.0),
        "{}",
        shown.stderr
    );
}

/// Says so where the test runner does not swallow it.
fn skipped(why: &str) {
    use std::io::Write as _;
    let _closed = std::io::stderr().write_all(format!("test {why} ... ignored\n").as_bytes());
}

#[test]
fn blocked_worker_is_told_while_it_is_blocked_and_nobody_else_is_late() {
    let shown = run("blocked_worker");
    let phases: Vec<_> = shown
        .stderr
        .lines()
        .filter_map(|line| line.split_once(" phase=")?.1.split(' ').next())
        .collect();
    assert_eq!(phases.first(), Some(&"started"), "{}", shown.stderr);
    assert_eq!(phases.last(), Some(&"ended"), "{}", shown.stderr);
    assert!(phases.contains(&"ongoing"), "at twice: {}", shown.stderr);
    assert!(shown.stdout.contains("late"), "{}", shown.stdout);
}

#[test]
fn attach_counts_its_tasks_and_sees_the_block() {
    let shown = run("attach");
    assert!(
        shown.stdout.contains("healthy: 100 tasks"),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stdout.contains("at the end: 0 tasks"),
        "{}",
        shown.stdout
    );
    let (_, rest) = shown.stdout.split_once("blocked: ").unwrap();
    let met: u32 = rest.split(' ').next().unwrap().parse().unwrap();
    // 200 ms at one ping in 25 ms: about eight of them came too early to be served.
    assert!(met >= 6, "{}", shown.stdout);
}

#[test]
fn many_runtimes_shows_the_blocked_one() {
    let shown = run("many_runtimes");
    let rows: Vec<&str> = shown
        .stdout
        .lines()
        .filter(|line| line.starts_with("shard-"))
        .collect();
    assert_eq!(rows.len(), 8, "{}", shown.stdout);
    // It is blocked for 50 ms ten times, with a ping about every 20 ms: one of the
    // pings comes in the first half of a block.
    let most = rows[5].split_whitespace().last().unwrap();
    let number = most.trim_end_matches(|c: char| c.is_alphabetic() || c == 'µ');
    let in_ms = match most.strip_prefix(number).unwrap() {
        "s" => number.parse::<f64>().unwrap() * 1e3,
        "ms" => number.parse().unwrap(),
        _ => 0.0,
    };
    assert!(
        rows[5].starts_with("shard-5") && in_ms >= 25.0,
        "{}",
        shown.stdout
    );
}

#[test]
fn custom_sink_receives_lag_and_tasks_over_the_network() {
    let shown = run("custom_sink");
    assert!(
        shown.stdout.contains("main.active_tasks:5|g"),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stdout.contains("main.lag_max_us:"),
        "{}",
        shown.stdout
    );
}
