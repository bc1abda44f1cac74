#![allow(dead_code, unused_macros)]
// Whatever the program calls its own things, the expansion finds its own.
mod core {}
mod std {}
mod tokio {}
struct Box;
struct Vec;
enum Option {
    Some,
    None,
}
#[allow(unused_imports)]
use Option::{None, Some};
struct Future;
fn launch() {}
fn sink() {}
macro_rules! vec {
    ($($x:tt)*) => {
        compile_error!("not mine")
    };
}
fn output() {}
fn builder() {}

#[loopmon::main(worker_threads = 1, sink = "stderr")]
async fn arguments(body: u8, attribute: u8, builder: u8, output: u8) -> u8 {
    body + attribute + builder + output
}

fn main() {
    assert_eq!(arguments(1, 2, 3, 4), 10);
}
