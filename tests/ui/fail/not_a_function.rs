#[loopmon::main]
struct Main;

#[loopmon::main]
impl Main {}

fn main() {}
