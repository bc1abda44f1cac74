#[loopmon::main(interval = "250ms", sink = "stderr", interval = "25ms", sink = "auto")]
async fn main() {}
