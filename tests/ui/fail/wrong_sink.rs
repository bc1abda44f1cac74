#[loopmon::main(sink = "stdrr")]
async fn no_such_sink() {}

#[loopmon::main(sink = "jsonl")]
async fn no_target() {}

#[loopmon::main(sink = "stderr?every=1ms")]
async fn option_out_of_range() {}

#[loopmon::main(sink = ["kafka:x", "stderr", "tracing:y"])]
async fn two_of_three() {}

#[loopmon::main(sink = ["stderr", "stderr"])]
async fn the_same_twice() {}

#[loopmon::main(sink = [])]
async fn empty_list() {}

#[loopmon::main(sink = ["stderr" "auto"])]
async fn no_comma() {}

#[loopmon::main(sink = String::new())]
async fn not_a_sink() {}

#[loopmon::main(sink = ["stderr", 1 + 1])]
async fn not_a_sink_in_a_list() {}

fn main() {}
