#[loopmon::main(crate = "not a path", own = ["my app"], backtrace = "sometimes")]
async fn main() {}
