#[loopmon::main]
async fn main() -> Result<(), String> {
    Err("told by main")?;
    Ok(())
}
