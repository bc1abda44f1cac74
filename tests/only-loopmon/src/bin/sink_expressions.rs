// Without its feature `full`, syn parses few of these.
struct Custom<F>(F);
impl<F: Send + 'static> loopmon::Sink for Custom<F> {
    fn event(&mut self, _: &loopmon::Event<'_>) -> Result<(), loopmon::SinkError> {
        Ok(())
    }
}

fn open<A, B>(a: A, b: B) -> Result<Custom<(A, B)>, String> {
    Ok(Custom((a, b)))
}

#[loopmon::main(sink = Custom(|a: u8, b: u8| a + b), interval = "1s")]
async fn closure() {}

#[loopmon::main(sink = open::<u8, u8>(1, 2)?, interval = "1s")]
async fn turbofish_and_question_mark() -> Result<(), String> {
    Ok(())
}

#[loopmon::main(sink = if true { Custom(1) } else { Custom(2) }, interval = "1s")]
async fn branches() {}

#[loopmon::main(sink = ["stderr", Custom([1, 2]), { let c = Custom(1); c }], flush = "1s")]
async fn list() {}

fn main() -> Result<(), String> {
    closure();
    branches();
    list();
    turbofish_and_question_mark()
}
