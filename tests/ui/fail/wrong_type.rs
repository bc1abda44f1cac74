#[loopmon::main(interval = 250)]
async fn interval() {}

#[loopmon::main(stall_threshold = 1.5)]
async fn stall_threshold() {}

#[loopmon::main(backtrace = true)]
async fn backtrace() {}

#[loopmon::main(own = my_crate)]
async fn own() {}

#[loopmon::main(flush = ["1s"])]
async fn flush() {}

#[loopmon::main(sink = 5)]
async fn sink() {}

#[loopmon::main(sink = [["stderr"]])]
async fn nested_list() {}

#[loopmon::main(flavor = 123)]
async fn flavor() {}

#[loopmon::main(worker_threads = "four")]
async fn worker_threads() {}

#[loopmon::main(flavor = "current_thread", start_paused = "yes")]
async fn start_paused() {}

#[loopmon::main(name = 123)]
async fn name() {}

#[loopmon::main(flavor = "local", unhandled_panic = ignore)]
async fn unhandled_panic() {}

#[loopmon::main(crate = 456)]
async fn krate() {}

fn main() {}
