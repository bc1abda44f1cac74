#[loopmon::main(interval = "25ms", worker_threads = 1, sink = "stderr", name = "unit")]
async fn main() {
    println!("hello");
}
