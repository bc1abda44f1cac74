use loopmon::Sink;

struct Custom<A, B>(A, B);
impl<A: Send + 'static, B: Send + 'static> Sink for Custom<A, B> {
    fn event(&mut self, _: &loopmon::Event<'_>) -> Result<(), loopmon::SinkError> {
        Ok(())
    }
}

impl<A, B> Custom<A, B> {
    fn new(a: A, b: B) -> Self {
        Self(a, b)
    }

    fn open(a: A, b: B) -> Result<Self, String> {
        Ok(Self(a, b))
    }

    fn with(self, _: impl Fn(u8, u8) -> u8) -> Self {
        self
    }
}

struct Named {
    level: u8,
}
impl Sink for Named {
    fn event(&mut self, _: &loopmon::Event<'_>) -> Result<(), loopmon::SinkError> {
        Ok(())
    }
}

fn make() -> Named {
    Named { level: 1 }
}

#[loopmon::main(sink = Custom(1, "x"))]
async fn tuple_struct() {}

#[loopmon::main(sink = Named { level: 1 + 1 }, flavor = "current_thread")]
async fn struct_literal() {}

#[loopmon::main(sink = Custom::<u8, u16>::new(1, 2).with(|a, b| a + b), interval = "1s")]
async fn turbofish_and_closure() {}

#[loopmon::main(sink = <Custom<u8, u16>>::new(1, 2))]
async fn qualified() {}

#[loopmon::main(sink = Custom::open(1, 2)?, interval = "1s")]
async fn fallible() -> Result<(), String> {
    Ok(())
}

#[loopmon::main(sink = ["stderr", make(), Custom::<u8, u16>::open(1, 2)?, "jsonl:-",])]
async fn list() -> Result<(), String> {
    Ok(())
}

#[loopmon::main(sink = if level > 1 { Named { level } } else { make() }, worker_threads = 1)]
async fn argument(level: u8) -> u8 {
    level
}

#[loopmon::main(sink = match 1 { _ => make() })]
async fn matched() {}

#[loopmon::main(sink = { let named = make(); named })]
async fn block() {}

macro_rules! forwarded {
    ($sink:expr, $interval:literal, $list:expr) => {
        #[loopmon::main(sink = $sink, interval = $interval)]
        async fn one() {}
        #[loopmon::main(sink = $list)]
        async fn several() {}
        one();
        several();
    };
}

fn main() {
    tuple_struct();
    struct_literal();
    turbofish_and_closure();
    qualified();
    fallible().unwrap();
    list().unwrap();
    assert_eq!(argument(2), 2);
    matched();
    block();
    forwarded!(make(), "25ms", ["stderr", make()]);
    assert_eq!(make().level, 1);
    let Custom(_, _) = Custom(1, 2);
}
