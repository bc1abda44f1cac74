#[loopmon::main(interval, flavor, worker_threads(4), "250ms", multi_thread)]
async fn main() {}
