#![deny(warnings, unused_qualifications, unused_results, unreachable_code, missing_docs)]
#![deny(let_underscore_drop, single_use_lifetimes, redundant_lifetimes, unused_lifetimes)]
//! What the strictest program denies is not in the expansion.

pub use loopmon::__private::launch;
use std::process::ExitCode;

#[loopmon::main(worker_threads = 2, name = "lints", sink = "stderr", interval = "1s")]
async fn main() -> ExitCode {
    ExitCode::SUCCESS
}

/// The braces of one expression on one line are no accident.
#[loopmon::main]
#[rustfmt::skip]
pub async fn one_line() { other().await }

/// Items may come first.
#[loopmon::main]
pub async fn items_first() -> u8 {
    const ONE: u8 = 1;
    fn two() -> u8 {
        2
    }
    ONE + two()
}

/// Nothing at all.
#[loopmon::main]
pub async fn empty() {}

/// Never comes back.
#[loopmon::main]
pub async fn never() -> ! {
    std::process::exit(0)
}

/// Nothing behind it.
#[loopmon::main]
pub async fn unit() -> () {
    other().await;
}

async fn other() {}
