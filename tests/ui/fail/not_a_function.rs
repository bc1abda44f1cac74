#[loopmon::main]
struct Struct;

#[loopmon::main]
impl Struct {}

#[loopmon::main]
pub mod module {}

#[loopmon::main]
const CONSTANT: u8 = 1;

trait Trait {
    #[loopmon::main]
    async fn no_body(&self);
}

fn main() {}
