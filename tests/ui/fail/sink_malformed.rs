#[loopmon::main(sink = [
    "stdrr",
    "kafka://localhost",
    "jsonl",
    "jsonl:100%",
    "stderr?every=1ms",
    "stderr?often=10s",
    "tracing:x",
    "stderr",
    "stderr",
])]
async fn main() {}
