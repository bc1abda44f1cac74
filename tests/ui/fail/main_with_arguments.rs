#[loopmon::main]
async fn main(answer: u32) {
    println!("{answer}");
}
