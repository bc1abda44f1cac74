#[loopmon::main(interval = "999us", stall_threshold = "2h", flush = "61s", worker_threads = 0)]
async fn main() {}
