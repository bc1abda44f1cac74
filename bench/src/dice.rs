//! Chance that is the same in every run.

use std::time::Duration;

/// Splitmix64, which is enough to meet a clock at all of its phases.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Evenly, to the microsecond.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = u64::try_from(most.saturating_sub(least).as_micros()).expect("less than an age");
        least + Duration::from_micros(self.next() % (span + 1))
    }

    /// True in half of all cases.
    pub(crate) fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reaches_all_of_its_range_and_nothing_else() {
        let (least, most) = (Duration::from_millis(150), Duration::from_millis(400));
        let mut dice = Dice::new(1);
        let thrown: Vec<_> = (0..1000).map(|_| dice.between(least, most)).collect();
        assert!(thrown.iter().all(|t| (least..=most).contains(t)));
        assert!(*thrown.iter().min().unwrap() < Duration::from_millis(155));
        assert!(*thrown.iter().max().unwrap() > Duration::from_millis(395));
    }
}
