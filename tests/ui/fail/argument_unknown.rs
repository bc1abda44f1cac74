#[loopmon::main(intervall = "250ms", sinks = "stderr", colour = "red", core_threads = 4)]
async fn main() {}
