//! Its tasks keep a worker one after the other, each in its own way. What is inlined and what
//! is not is said: in a program so small, the compiler would inline all of it.
#![allow(
    clippy::inline_always,
    reason = "the functions are to be as the test expects them"
)]

mod orders;
mod settings;

use std::time::Duration;

/// Some thresholds: on a busy machine loopmon looks late.
const LONG: Duration = Duration::from_millis(600);

#[loopmon::main(stall_threshold = "50ms", sink = "jsonl:-")]
async fn main() -> Result<(), tokio::task::JoinError> {
    tokio::spawn(orders::request()).await?;
    tokio::spawn(reload()).await?;
    tokio::spawn(price()).await?;
    tokio::spawn(refresh()).await
}

async fn reload() {
    settings::load();
}

async fn refresh() {
    settings::fetch();
}

async fn price() {
    std::hint::black_box(orders::pricing::total(7));
}
