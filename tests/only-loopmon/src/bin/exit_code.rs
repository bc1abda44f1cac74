use std::process::ExitCode;

#[loopmon::main]
async fn main() -> ExitCode {
    ExitCode::from(7)
}
