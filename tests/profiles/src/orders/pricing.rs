//! Computes for long.

use std::hint::black_box;
use std::time::Instant;

use crate::LONG;

#[inline(never)]
pub fn total(mut sum: u64) -> u64 {
    let started = Instant::now();
    while started.elapsed() < LONG {
        sum = discount(sum);
    }
    sum
}

/// Long enough that the look at the clock does not count.
#[inline(always)]
fn discount(sum: u64) -> u64 {
    (0..1_000_000).fold(sum, |sum, n| black_box(sum.wrapping_mul(31) ^ n)) // keeps: discount
}
