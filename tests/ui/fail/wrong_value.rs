#[loopmon::main(interval = "250")]
async fn unit_missing() {}

#[loopmon::main(interval = "250min")]
async fn no_such_unit() {}

#[loopmon::main(stall_threshold = "2h")]
async fn out_of_range() {}

#[loopmon::main(flush = "")]
async fn empty() {}

#[loopmon::main(backtrace = "sometimes")]
async fn no_such_mode() {}

#[loopmon::main(own = ["good", "my crate"])]
async fn no_crate_name() {}

#[loopmon::main(own = [])]
async fn no_crates() {}

#[loopmon::main(flavor = "multithread")]
async fn no_such_flavor() {}

#[loopmon::main(worker_threads = 0)]
async fn no_workers() {}

#[loopmon::main(worker_threads = -1)]
async fn negative_workers() {}

#[loopmon::main(name = " ")]
async fn blank_name() {}

#[loopmon::main(flavor = "local", unhandled_panic = "shutdown")]
async fn no_such_behavior() {}

#[loopmon::main(crate = "456")]
async fn no_path() {}

fn main() {}
