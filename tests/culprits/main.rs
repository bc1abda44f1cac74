//! The code that keeps a worker is named: its function, file and line, what it called,
//! why it keeps the worker, and what to do instead.
//!
//! As in `tests/process`, this file is both the tests and the programs under test. It is
//! built and run in both profiles.

#![allow(
    clippy::restriction,
    reason = "a test says what it expects by panicking, and a program by printing"
)]

mod blockers;
mod crowd;
mod kinds;
mod places;
mod scene;
mod shapes;
#[path = "../process/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other tests")]
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::main(vec![
        crowd::suite(),
        kinds::suite(),
        places::suite(),
        shapes::suite(),
    ])
}
