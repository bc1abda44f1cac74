#[loopmon::main(start_paused = true, unhandled_panic = "ignore")]
async fn main() {}

#[loopmon::main(flavor = "current_thread", worker_threads = 4)]
async fn other() {}

#[loopmon::main(flavor = "local", worker_threads = 4)]
async fn local() {}
