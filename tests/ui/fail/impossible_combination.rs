#[loopmon::main(flavor = "current_thread", worker_threads = 4)]
async fn workers() {}

#[loopmon::main(worker_threads = 4, flavor = "local")]
async fn workers_first() {}

#[loopmon::main(start_paused = true)]
async fn paused() {}

#[loopmon::main(flavor = "multi_thread", start_paused = false, unhandled_panic = "ignore")]
async fn both() {}

fn main() {}
