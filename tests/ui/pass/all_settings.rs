#[loopmon::main(
    interval = "25ms",
    stall_threshold = "50ms",
    sink = ["stderr?every=10s", "jsonl:-", "tracing", "auto"],
    backtrace = "never",
    own = ["my-app", "my_lib"],
    flush = "1s",
    flavor = "multi_thread",
    worker_threads = 2,
    name = "all",
)]
async fn several() {}

#[loopmon::main(flavor = "current_thread", start_paused = true, own = "my-app", sink = "stderr")]
async fn one() {}

// Tokio does not mind upper case.
#[loopmon::main(flavor = "local")]
async fn local() {}

fn main() {
    several();
    one();
    local();
}
