//! Names of the program's that the expansion might use do not disturb it.
#![allow(dead_code, non_camel_case_types, unused_macros)]

mod core {}
mod std {}
mod tokio {}
struct Vec;
struct Box;
struct Result;
struct Future;
macro_rules! vec {
    ($($any:tt)*) => {
        compile_error!("the program's own")
    };
}
fn launch() {}
fn builder() {}

mod inner {
    #[cfg(any())]
    #[loopmon::main(no_such_argument)]
    pub async fn compiled_out() {}
}

#[loopmon::main(worker_threads = 1, interval = "10ms", sink = "stderr")]
async fn run(body: u32, attribute: u32) -> u32 {
    let builder = 1;
    body + attribute + builder
}

fn main() {
    assert_eq!(run(1, 2), 4);
}
