#[loopmon::main(flavor = "threaded_scheduler", worker_threads = 4)]
async fn main() {}

#[loopmon::main(flavor = "single_thread")]
async fn other() {}

#[loopmon::main(unhandled_panic = "abort", flavor = "local")]
async fn panics() {}
