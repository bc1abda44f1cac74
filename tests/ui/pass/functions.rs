//! Arguments, methods, generics, visibility, qualifiers.
use std::fmt::Display;

struct Server {
    name: String,
}

impl Server {
    #[loopmon::main(flavor = "current_thread")]
    pub(crate) async fn run(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name)
    }

    #[loopmon::main(flavor = "local")]
    async fn into_name(self) -> String {
        self.name
    }
}

#[loopmon::main(flavor = "current_thread")]
pub async fn show<'a, T: Display, const N: usize>(value: &'a T) -> [String; N]
where
    T: 'a,
{
    std::array::from_fn(|_| value.to_string())
}

struct Twice;

#[loopmon::main(flavor = "current_thread")]
async unsafe extern "C" fn answer() -> u32 {
    42
}

#[loopmon::main(flavor = "current_thread")]
async fn takes(mut text: String, (a, b): (u32, u32)) -> String {
    text.push_str(&(a + b).to_string());
    text
}

fn main() {
    let server = Server { name: "a".to_owned() };
    assert_eq!(server.run("b"), "ab");
    assert_eq!(server.into_name(), "a");
    assert_eq!(unsafe { answer() }, 42);
    assert_eq!(takes("x".to_owned(), (1, 2)), "x3");
    let _ = Twice;
}
