#![deny(missing_docs, unused, unfulfilled_lint_expectations)]
//! Attributes of the function, and of its body.

/// Documented.
#[loopmon::main]
#[cfg(all())]
#[must_use]
pub async fn outer() -> u8 {
    1
}

#[loopmon::main]
#[cfg(any())]
async fn absent() {
    compile_error!("not here")
}

#[expect(unused_variables)]
#[loopmon::main]
async fn expected() {
    let unused = 1;
}

#[loopmon::main]
async fn inner() {
    //! Documented inside.
    #![allow(unused_variables)]
    let unused = 1;
}

#[loopmon::main]
#[inline]
async fn main() {
    #[cfg(any())]
    compile_error!("not here");
    std::thread::spawn(|| {
        assert_eq!(outer(), 1);
        expected();
        inner();
    })
    .join()
    .unwrap();
}
