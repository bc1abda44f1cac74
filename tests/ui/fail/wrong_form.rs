#[loopmon::main(flavor)]
async fn bare() {}

#[loopmon::main(interval)]
async fn bare_ours() {}

#[loopmon::main(flavor("current_thread"))]
async fn parentheses() {}

#[loopmon::main("current_thread")]
async fn literal() {}

#[loopmon::main(interval = )]
async fn no_value() {}

#[loopmon::main(interval = , flush = "1s")]
async fn no_value_before_a_comma() {}

#[loopmon::main(interval: "1s")]
async fn colon() {}

#[loopmon::main(interval = "1s" flush = "1s")]
async fn no_comma() {}

#[loopmon::main(threadpool::bar)]
async fn path() {}

#[loopmon::main(true)]
async fn keyword() {}

#[loopmon::main(, interval = "1s")]
async fn comma_first() {}

#[loopmon::main(sink = @, flush = 1)]
async fn no_expression() {}

// One error: nobody knows yet whether the flavor goes with a paused clock.
#[loopmon::main(flavor, start_paused = true)]
async fn consequences() {}

fn main() {}
