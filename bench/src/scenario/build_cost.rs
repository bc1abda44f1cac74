//! What a clean release build of a program with loopmon costs, beside one with
//! Tokio's feature `full`: time, and crates.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::Effort;
use crate::report::Report;
use crate::stats::{median, spread};

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let folder = std::env::temp_dir().join(format!("loopmon-build-{}", std::process::id()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    let ours = package(
        &folder,
        "ours",
        &format!("loopmon = {{ path = {:?} }}", root.display().to_string()),
    );
    let theirs = package(
        &folder,
        "theirs",
        r#"tokio = { version = "1.54", features = ["full"] }"#,
    );
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..effort.pick(3, 1) {
        without.push(build(&theirs));
        with.push(build(&ours));
    }
    let (crates, plain) = (crates(&ours), crates(&theirs));
    fs::remove_dir_all(&folder).expect("the folder was ours");
    let ratio = median(&with) / median(&without);
    report.goal(
        "clean release build over that of tokio `full`",
        format!("{ratio:.2}"),
        "at most 3",
        ratio <= 3.0,
    );
    report.goal("crates", crates.to_string(), "at most 50", crates <= 50);
    report.note(format!("crates of tokio `full`: {plain}"));
    report.note(format!("loopmon {}", spread(&with, "s")));
    report.note(format!("tokio `full` {}", spread(&without, "s")));
    report
}

fn package(folder: &Path, name: &str, dependency: &str) -> PathBuf {
    let package = folder.join(name);
    fs::create_dir_all(package.join("src")).expect("a temporary folder");
    fs::write(package.join("src/main.rs"), "fn main() {}\n").expect("a file");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [dependencies]\n{dependency}\n[workspace]\n"
    );
    fs::write(package.join("Cargo.toml"), manifest).expect("a file");
    cargo(&package, &["fetch"]);
    package
}

/// Seconds.
fn build(package: &Path) -> f64 {
    let _none_yet = fs::remove_dir_all(package.join("target"));
    let started = Instant::now();
    cargo(package, &["build", "--release"]);
    started.elapsed().as_secs_f64()
}

/// All that is compiled for this machine, besides the program itself.
fn crates(package: &Path) -> usize {
    let tree = cargo(
        package,
        &[
            "tree",
            "--edges=normal,build",
            "--prefix=none",
            "--no-dedupe",
        ],
    );
    let names: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(" (").next())
        .collect();
    names.len() - 1
}

fn cargo(package: &Path, arguments: &[&str]) -> String {
    let output = Command::new("cargo")
        .args(arguments)
        .current_dir(package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}
