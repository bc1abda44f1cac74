//! Promises that only a whole process can keep or break.
//!
//! This file is both the tests and the programs under test: started by Cargo it runs
//! the tests, and started again by a test it is the program that the test names – on
//! the real main thread, with a standard output and an exit code of its own.

#![allow(
    clippy::restriction,
    reason = "a test says what it expects by panicking, and a program by printing"
)]
#![warn(
    clippy::undocumented_unsafe_blocks,
    clippy::allow_attributes_without_reason
)]

mod environment;
mod false_alarms;
mod false_alarms_at_the_end;
mod jsonl;
mod lifetime;
mod operating_system;
mod output;
mod probes;
mod program_end;
mod runtimes;
mod sink_faults;
mod stall_course;
mod stalls;
mod stalls_at_the_end;
mod support;
mod telling;
mod without;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::main(vec![
        environment::suite(),
        false_alarms::suite(),
        false_alarms_at_the_end::suite(),
        jsonl::suite(),
        lifetime::suite(),
        operating_system::suite(),
        output::suite(),
        probes::suite(),
        program_end::suite(),
        runtimes::suite(),
        sink_faults::suite(),
        stall_course::suite(),
        stalls::suite(),
        stalls_at_the_end::suite(),
        telling::suite(),
        without::suite(),
    ])
}
