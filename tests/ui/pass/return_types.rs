use std::error::Error;
use std::fmt::{self, Debug};
use std::process::{ExitCode, Termination};

#[loopmon::main]
async fn question_mark() -> Result<u8, Box<dyn Error>> {
    tokio::task::yield_now().await;
    Ok("7".parse()?)
}

#[loopmon::main]
async fn early_return(early: bool) -> u8 {
    if early {
        return 1;
    }
    2
}

#[loopmon::main]
async fn only_return() -> Result<(), ()> {
    return Ok(());
}

#[loopmon::main]
async fn endless_loop() -> Result<(), ()> {
    loop {
        return Ok(());
    }
}

// These two do not compile with an async block whose type is inferred.
#[loopmon::main]
async fn coerced() -> Box<dyn Debug> {
    Box::new(5)
}

#[loopmon::main]
async fn coerced_in_result() -> Result<(), Box<dyn Error>> {
    Err(Box::new(fmt::Error))
}

#[loopmon::main]
async fn impl_trait() -> impl Iterator<Item = impl Debug> {
    [1].into_iter()
}

#[loopmon::main]
async fn impl_trait_inside() -> Result<(), impl Debug> {
    Err(())
}

#[loopmon::main]
async fn termination() -> impl Termination {
    ExitCode::SUCCESS
}

#[loopmon::main]
async fn never() -> ! {
    std::process::exit(0)
}

#[loopmon::main]
async fn explicit_unit() -> () {}

#[loopmon::main]
async fn array() -> [u8; {
    const ONE: usize = 1;
    ONE + ONE
}] {
    [0; 2]
}

fn main() {
    assert_eq!(question_mark().unwrap(), 7);
    assert_eq!((early_return(true), early_return(false)), (1, 2));
    assert_eq!(only_return(), Ok(()));
    assert_eq!(endless_loop(), Ok(()));
    assert_eq!(format!("{:?}", coerced()), "5");
    assert!(coerced_in_result().is_err());
    assert_eq!(impl_trait().count(), 1);
    assert!(impl_trait_inside().is_err());
    assert!(matches!(termination().report(), code if code == ExitCode::SUCCESS));
    explicit_unit();
    assert_eq!(array(), [0, 0]);
    never()
}
