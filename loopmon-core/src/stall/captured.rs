//! Stacks of a real program, as builds of Rust 1.95 have them on Linux: from the call that
//! kept the worker to Tokio's poll of the task.

#![allow(clippy::unwrap_used, reason = "for tests only")]

use std::sync::Arc;

use super::{Culprit, OwnCode, blame};
use crate::stack::{Frame, Stack};

/// Builds with `debug = 1` or more.
pub(super) const FULL: [(&str, &str); 2] = [
    ("debug", include_str!("captured/debug.stacks")),
    ("release", include_str!("captured/release.stacks")),
];
/// A release with `debug = "line-tables-only"`.
pub(super) const LINES_ONLY: &str = include_str!("captured/lines_only.stacks");
/// Cargo's default release,
pub(super) const NO_DEBUG: &str = include_str!("captured/no_debug.stacks");
/// and the same with `-C symbol-mangling-version=v0`.
pub(super) const NO_DEBUG_V0: &str = include_str!("captured/no_debug_v0.stacks");

/// The directories that stand as `STD` and `REG` in the files.
const STD: &str = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/";
const REG: &str = "/home/me/.cargo/registry/src/index-1949cf8c6b5b557f/";

/// The stack of this name.
pub(super) fn stack(build: &str, name: &str) -> Stack {
    let header = format!("== {name}");
    let lines = build.lines().skip_while(|line| *line != header).skip(1);
    let lines: Vec<_> = lines.take_while(|line| !line.starts_with("== ")).collect();
    assert!(!lines.is_empty(), "no stack {name}");
    of(&lines)
}

/// A function, its file and the line, separated by tabs; innermost first.
pub(super) fn of(lines: &[&str]) -> Stack {
    Stack {
        frames: lines.iter().map(|line| frame(line)).collect(),
        complete: true,
    }
}

fn frame(line: &str) -> Frame {
    let mut fields = line.split('\t');
    let function = fields.next().filter(|name| !name.is_empty());
    let file = fields.next();
    let file = file.map(|file| file.replace("STD/", STD).replace("REG/", REG));
    Frame {
        function: function.map(Arc::from),
        file: file.map(Arc::from),
        line: fields.next().map(|line| line.parse().unwrap()),
        inlined: false,
        module: Some("myapp".into()),
        offset: 0x1234,
        build_id: None,
    }
}

pub(super) fn own() -> OwnCode {
    OwnCode::new(vec!["myapp".into()])
}

pub(super) fn blamed(stack: &Stack) -> Culprit {
    blame(stack, &own()).unwrap()
}
