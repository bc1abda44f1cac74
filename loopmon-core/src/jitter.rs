use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// An endless sequence of random fractions of a period.
///
/// Pings at a fixed pace fall into step with whatever else runs at that pace, and
/// then see all of its stalls or none of them.
#[derive(Debug)]
pub(crate) struct Jitter {
    /// std's keyed hash, keyed at random: a counter hashed with it is as even as
    /// this needs, and costs no dependency.
    keyed: RandomState,
    counter: u64,
}

impl Jitter {
    pub(crate) fn new() -> Self {
        Self {
            keyed: RandomState::new(),
            counter: 0,
        }
    }

    /// A duration between zero and `period`, each as likely as any other.
    pub(crate) fn within(&mut self, period: Duration) -> Duration {
        self.counter += 1;
        // 32 of the 64 bits: a fraction that u32 and f64 both hold exactly.
        let bits = self.keyed.hash_one(self.counter) >> 32;
        let fraction = f64::from(u32::try_from(bits).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        period.mul_f64(fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenth_of_the_period_is_met_equally_often() {
        let mut jitter = Jitter::new();
        let mut met = [0_u32; 10];
        for _ in 0..100_000 {
            let tenth = jitter.within(Duration::from_nanos(9_999)).as_nanos() / 1_000;
            met[usize::try_from(tenth).unwrap()] += 1;
        }
        // Each count has mean 10,000 and standard deviation 95.
        assert!(
            met.iter().all(|&count| (9_300..10_700).contains(&count)),
            "{met:?}"
        );
    }
}
