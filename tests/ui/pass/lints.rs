//! The expansion gives no reason to complain, whatever the program denies.
#![deny(
    warnings,
    missing_docs,
    unreachable_code,
    unused_qualifications,
    unused_results,
    unused_import_braces,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unsafe_code,
    elided_lifetimes_in_paths,
    let_underscore_drop
)]

use std::io::Result;

/// Documented.
#[loopmon::main(sink = ["stderr", "auto"], own = ["a", "b-c"], name = "lints", worker_threads = 2)]
#[allow(unused_variables)]
async fn main() -> Result<()> {
    #![allow(unused_mut)]
    let mut unused = 1;
    Ok(())
}

/// Documented too.
///
/// In two paragraphs.
#[expect(unused_variables)]
#[loopmon::main]
pub async fn never_called() {
    let value = 7;
}
