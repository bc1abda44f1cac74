#[loopmon::main(interval = "", sink = "", own = [], name = " ", backtrace = "", flavor = "")]
async fn main() {}

#[loopmon::main(interval = , sink = [])]
async fn other() {}
