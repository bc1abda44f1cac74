// The body is taken as async all the same.
#[loopmon::main]
fn main() {
    tokio::task::yield_now().await;
}
