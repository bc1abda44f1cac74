#[loopmon::main(core_threads = 4)]
async fn core_threads() {}

#[loopmon::main(threaded_scheduler)]
async fn threaded_scheduler() {}

#[loopmon::main(basic_scheduler)]
async fn basic_scheduler() {}

#[loopmon::main(current_thread)]
async fn current_thread() {}

#[loopmon::main(flavor = "single_thread")]
async fn single_thread() {}

#[loopmon::main(flavor = "threaded_scheduler")]
async fn threaded_scheduler_as_flavor() {}

#[loopmon::main(flavor = "basic_scheduler")]
async fn basic_scheduler_as_flavor() {}

fn main() {}
