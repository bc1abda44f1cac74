#[loopmon::main]
async fn no_return_type() {
    Ok(())
}

#[loopmon::main]
async fn no_return_type_and_return() {
    return Ok(());
}

#[loopmon::main]
async fn semicolon() -> Result<(), ()> {
    Ok(());
}

#[loopmon::main]
async fn question_mark_in_option() -> Option<()> {
    None?;
}

#[loopmon::main]
async fn question_mark_in_result() -> Result<(), ()> {
    Ok(())?;
}

#[loopmon::main]
async fn wrong_return(early: bool) -> u8 {
    if early {
        return "one";
    }
    2
}

#[loopmon::main]
async fn wrong_last() -> Result<u8, String> {
    Ok("two")
}

#[loopmon::main]
async fn question_mark_in_unit() {
    Ok::<(), ()>(())?;
}

fn main() {}
