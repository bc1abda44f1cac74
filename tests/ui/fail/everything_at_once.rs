#[loopmon::main(interval = "soon", worker_threads = 0, sink = "nowhere", intervall = "1s", 5)]
async fn main() {
    let answer: u32 = 42;
    println!("{answer}");
}
