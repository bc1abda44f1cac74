#[loopmon::main]
async fn main() -> Result<(), std::io::Error> {
    let name = "last statement";
    name.len()
}

#[loopmon::main]
async fn missing_value() -> Result<(), ()> {
    Ok::<(), ()>(());
}

#[loopmon::main]
async fn early_return() -> u32 {
    if true {
        return "text";
    }
    7
}

#[loopmon::main]
async fn extra_value() {
    1 + 1
}
