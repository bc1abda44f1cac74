//! Programs whose only dependency is loopmon, built apart from this workspace.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Once;

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("only-loopmon")
}

/// Runs Cargo on `tests/only-loopmon`, with the versions of this workspace.
fn cargo(arguments: &[&str]) -> Output {
    static LOCK: Once = Once::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = root.join("tests/only-loopmon");
    LOCK.call_once(|| {
        std::fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    });
    Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--quiet", "--target-dir"])
        .arg(target())
        .current_dir(package)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The exit code of a program, and what it printed.
fn run(program: &str) -> (Option<i32>, String, String) {
    let build = cargo(&["build", "--bin", program]);
    assert!(build.status.success(), "{}", text(&build.stderr));
    let program = target().join("debug").join(program);
    let output = Command::new(program).output().unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_program_needs_no_other_dependency() {
    let (code, stdout, _) = run("unit");
    assert_eq!((code, stdout.as_str()), (Some(0), "hello\n"));
}

#[test]
fn the_exit_code_is_that_of_main() {
    assert_eq!(run("exit_code").0, Some(7));
}

#[test]
fn an_error_of_main_is_told_as_ever() {
    let (code, _, stderr) = run("error");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("Error: \"told by main\""), "{stderr}");
}

#[test]
fn a_panic_ends_the_program_as_ever() {
    let (code, _, stderr) = run("panic");
    assert_eq!(code, Some(101));
    assert!(stderr.contains("src/bin/panic.rs:3:5"), "{stderr}");
}

#[test]
fn any_expression_may_be_a_sink() {
    let (code, _, stderr) = run("sink_expressions");
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn a_sink_without_its_feature_names_the_feature() {
    let output = cargo(&["check", "--example", "features"]);
    let stderr = text(&output.stderr);
    assert!(!output.status.success());
    for feature in ["jsonl", "tracing"] {
        let told = format!("the sink `{feature}` needs the feature `{feature}` of loopmon");
        assert!(stderr.contains(&told), "{stderr}");
    }

    let output = cargo(&[
        "check",
        "--example",
        "features",
        "--features",
        "jsonl,tracing",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}
