// Tokio's own condition, in a build without `--cfg tokio_unstable`.
#[loopmon::main(flavor = "current_thread", unhandled_panic = "shutdown_runtime")]
async fn main() {}
