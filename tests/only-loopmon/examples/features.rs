#[loopmon::main(sink = ["jsonl:-", "tracing"])]
async fn main() {}
