#[loopmon::main]
async fn main() {}
