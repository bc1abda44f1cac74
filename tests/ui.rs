//! What the attribute accepts, and how it refuses the rest.

#[test]
fn programs_compile_and_run_as_they_would_with_tokio_main() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

#[test]
fn every_mistake_is_told_at_its_place() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
