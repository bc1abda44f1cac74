//! What rustc says about the attribute: nothing, or the right thing.

#[test]
fn programs_compile_and_run() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}

#[cfg(not(tokio_unstable))]
#[test]
fn an_argument_that_needs_an_unstable_tokio_says_so() {
    trybuild::TestCases::new().compile_fail("tests/ui/stable/*.rs");
}
