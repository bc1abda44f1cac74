#![deny(dead_code)]

#[loopmon::main]
async fn never_called() {}

fn main() {}
