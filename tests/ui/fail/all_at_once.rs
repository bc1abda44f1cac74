// Nine mistakes in one attribute, and one in the body: one compile shows all.
#[loopmon::main(
    interval = 250,
    stall_threshold = "100",
    sink = ["stderr", "kafka:x", 5],
    intervall = "1s",
    flavor,
    worker_threads = 0,
    flush = "1s",
    flush = "2s",
    name = "",
)]
async fn main() {
    let number: u8 = "text";
    tokio::task::yield_now().await;
}
