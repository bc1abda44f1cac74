#[loopmon::main]
async fn main(arguments: Vec<String>) {
    tokio::task::yield_now().await;
    drop(arguments);
}
