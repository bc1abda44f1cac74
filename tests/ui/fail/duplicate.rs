#[loopmon::main(interval = "250ms", flush = "1s", interval = "250ms")]
async fn setting() {}

#[loopmon::main(sink = "stderr", sink = "jsonl:x")]
async fn sink() {}

#[loopmon::main(flavor = "local", flavor = "local", flavor = "local")]
async fn flavor() {}

fn main() {}
