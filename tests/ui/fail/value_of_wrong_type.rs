struct NotASink;

#[loopmon::main(
    interval = 250,
    stall_threshold = true,
    flush = 0.5,
    backtrace = auto,
    own = 7,
    sink = 9464,
    flavor = 1,
    worker_threads = "4",
    start_paused = "yes",
    name = 'n',
)]
async fn main() {}

#[loopmon::main(sink = NotASink)]
async fn no_sink() {}
