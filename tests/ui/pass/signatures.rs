use std::fmt::Display;

struct Counter {
    count: u8,
}

impl Counter {
    #[loopmon::main]
    pub async fn add(&mut self, by: u8) -> &mut u8 {
        self.count += by;
        &mut self.count
    }

    #[loopmon::main]
    async fn take(self) -> Self {
        self
    }
}

trait Ask {
    fn ask(&self) -> String;
}

impl Ask for Counter {
    #[loopmon::main(flavor = "current_thread")]
    async fn ask(&self) -> String {
        self.count.to_string()
    }
}

#[loopmon::main]
async fn generic<T: Default, const N: usize>() -> [T; N]
where
    T: Copy,
{
    [T::default(); N]
}

#[loopmon::main]
async fn function_bound<F: Fn(u8) -> u8>(f: F) -> u8 {
    f(1)
}

#[loopmon::main]
async fn elided(text: &str) -> &str {
    text
}

#[loopmon::main]
async fn named<'a, 'b: 'a>(a: &'a str, b: &'b str) -> &'a str {
    if a.is_empty() { b } else { a }
}

#[loopmon::main]
pub(crate) async fn pattern((a, mut b): (u8, u8), shown: impl Display) -> String {
    b += a;
    format!("{b}{shown}")
}

#[loopmon::main]
async unsafe extern "C" fn qualified() -> u8 {
    3
}

#[loopmon::main]
async fn boxed(text: &str) -> Box<dyn Fn() -> usize + '_> {
    Box::new(move || text.len())
}

#[loopmon::main]
async fn first<'a, T: ?Sized>(all: &'a mut [Box<T>]) -> Option<&'a mut T> {
    Some(&mut **all.first_mut()?)
}

#[loopmon::main]
async fn associated<I: Iterator>(mut items: I) -> Result<I::Item, Box<dyn std::error::Error>> {
    Ok(items.next().ok_or("empty")?)
}

macro_rules! number {
    () => {
        u8
    };
}

#[loopmon::main]
async fn from_macro() -> number!() {
    9
}

fn main() {
    assert_eq!(boxed("four")(), 4);
    assert_eq!(first(&mut [Box::new(1)]), Some(&mut 1));
    assert_eq!(associated([5].into_iter()).unwrap(), 5);
    assert_eq!(from_macro(), 9);
    let mut counter = Counter { count: 1 };
    *counter.add(1) += 1;
    assert_eq!(counter.take().ask(), "3");
    assert_eq!(generic::<u8, 2>(), [0, 0]);
    assert_eq!(function_bound(|x| x + 1), 2);
    assert_eq!(elided("x"), "x");
    assert_eq!(named("", "b"), "b");
    assert_eq!(pattern((1, 2), 'c'), "3c");
    assert_eq!(unsafe { qualified() }, 3);
}
