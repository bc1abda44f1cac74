#[loopmon::main(intervall = "250ms")]
async fn nearest() {}

#[loopmon::main(foo)]
async fn bare() {}

#[loopmon::main(colour = Some::<u8, u8>::thing(|a, b| a))]
async fn any_value() {}

fn main() {}
