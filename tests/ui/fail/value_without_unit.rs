#[loopmon::main(interval = "250", stall_threshold = "1M", flush = "250ms 250ms")]
async fn main() {}
