use std::rc::Rc;

#[loopmon::main(flavor = "local")]
async fn main() {
    let shared = Rc::new(1);
    tokio::spawn(async move {
        tokio::task::yield_now().await;
        println!("{shared}");
    });
}
