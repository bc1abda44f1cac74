//! Return types, `?`, early `return`.
use std::process::{ExitCode, Termination};

#[loopmon::main]
async fn result(fail: bool) -> Result<u32, std::num::ParseIntError> {
    let text = if fail { "x" } else { "7" };
    Ok(text.parse::<u32>()?)
}

#[loopmon::main(flavor = "current_thread")]
async fn early(early: bool) -> &'static str {
    if early {
        return "early";
    }
    tokio::task::yield_now().await;
    "late"
}

#[loopmon::main(flavor = "current_thread")]
async fn termination() -> impl Termination {
    ExitCode::SUCCESS
}

#[loopmon::main(flavor = "current_thread")]
async fn nested() -> Option<Box<dyn Fn() -> u32>> {
    Some(Box::new(|| 7))
}

#[loopmon::main(flavor = "current_thread")]
async fn never(code: i32) -> ! {
    std::process::exit(code)
}

#[loopmon::main]
async fn main() -> ExitCode {
    std::thread::spawn(|| {
        assert_eq!(result(false), Ok(7));
        assert!(result(true).is_err());
        assert_eq!(early(true), "early");
        assert_eq!(early(false), "late");
        let _ = termination();
        assert_eq!(nested().unwrap()(), 7);
        if std::env::args().len() > 99 {
            never(1);
        }
    })
    .join()
    .unwrap();
    ExitCode::SUCCESS
}
