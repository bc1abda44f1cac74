//! Durations by the million in fixed memory.

use std::fmt;
use std::time::Duration;

use histogram::{AtomicHistogram, Config, Histogram, SparseHistogram};

/// Each doubling is cut into 2^7 = 128 buckets: a value read back is at most
/// 1/128 = 0.8 % above the one recorded.
const GROUPING_POWER: u8 = 7;
/// 2^36 µs are 19 hours. What is longer is recorded as that.
const MAX_VALUE_POWER: u8 = 36;
const MAX_VALUE: u64 = (1 << MAX_VALUE_POWER) - 1;
/// The buckets of both constants need 30 KiB.
const CONFIG: Config = match Config::new(GROUPING_POWER, MAX_VALUE_POWER) {
    Ok(config) => config,
    Err(_) => unreachable!(),
};

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros())
        .unwrap_or(u64::MAX)
        .min(MAX_VALUE)
}

/// Counts durations since its creation, in microseconds; one thread records, any
/// may read, and nobody waits.
pub(crate) struct Recorder(AtomicHistogram);

impl Recorder {
    pub(crate) fn new() -> Self {
        Self(AtomicHistogram::with_config(&CONFIG))
    }

    pub(crate) fn record(&self, duration: Duration) {
        self.add(micros(duration), 1);
    }

    /// Records `first`, `first − step`, `first − 2·step` … as long as they are
    /// positive.
    pub(crate) fn record_descending(&self, first: Duration, step: Duration) {
        for_each_run(micros(first), micros(step).max(1), |value, count| {
            self.add(value, count);
        });
    }

    pub(crate) fn load(&self) -> Distribution {
        Distribution(SparseHistogram::from(&self.0.load()))
    }

    fn add(&self, value: u64, count: u64) {
        // Fails only above the maximum, and `micros` saw to that.
        let _in_range = self.0.add(value, count);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

/// Splits `first`, `first − step` … into runs that share a bucket. An hour's wait
/// at an interval of 1 ms has 3.6 million members, but no more runs than there are
/// buckets.
fn for_each_run(first: u64, step: u64, mut run: impl FnMut(u64, u64)) {
    let mut value = first;
    while value > 0 {
        let lowest = (value & !(bucket_width(value) - 1)).max(1);
        let count = (value - lowest) / step + 1;
        run(value, count);
        match value.checked_sub(count * step) {
            Some(next) => value = next,
            None => break,
        }
    }
}

/// How many values share the bucket of `value`.
fn bucket_width(value: u64) -> u64 {
    1 << value
        .max(1)
        .ilog2()
        .saturating_sub(u32::from(GROUPING_POWER))
}

/// How often which duration occurred. Distributions of several runtimes,
/// processes or machines can be [merged](Self::merge), which percentiles can't.
///
/// Durations have a resolution of one microsecond and are at most 0.8 % above the
/// true value, up to 19 hours.
///
/// # Examples
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let monitor = loopmon_core::Monitor::builder().start()?;
/// let snapshot = monitor.snapshot();
/// if let Some(p99) = snapshot.lag.quantile(0.99) {
///     println!("99 of 100 events waited less than {p99:?}");
/// }
/// # monitor.shutdown();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Distribution(SparseHistogram);

impl Default for Distribution {
    fn default() -> Self {
        Self(SparseHistogram::with_config(&CONFIG))
    }
}

impl Distribution {
    /// How many durations were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count().iter().sum()
    }

    /// The duration that the fraction `q` of all did not exceed, such as 0.99;
    /// `None` if nothing was recorded or `q` is not between 0 and 1.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let result = self.0.quantile(q).ok()??;
        result
            .entries()
            .values()
            .next()
            .map(|bucket| Duration::from_micros(bucket.end()))
    }

    /// The longest duration; `None` if nothing was recorded.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.buckets().last().map(|(longest, _)| longest)
    }

    /// What was recorded after `earlier`, an older reading of the same numbers.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self(
            self.0
                .wrapping_sub(&earlier.0)
                .unwrap_or_else(|_| self.0.clone()),
        )
    }

    /// Both together.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        Self(
            self.0
                .wrapping_add(&other.0)
                .unwrap_or_else(|_| self.0.clone()),
        )
    }

    /// The longest duration of each bucket that holds any, ascending, and how many
    /// it holds.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.0
            .iter()
            .filter(|bucket| bucket.count() > 0)
            .map(|bucket| (Duration::from_micros(bucket.end()), bucket.count()))
    }

    /// As if `first`, `first − step` … had been recorded too.
    pub(crate) fn with_descending(&self, first: Duration, step: Duration) -> Self {
        let mut more = Histogram::with_config(&CONFIG);
        for_each_run(micros(first), micros(step).max(1), |value, count| {
            let _in_range = more.add(value, count);
        });
        self.merge(&Self(SparseHistogram::from(&more)))
    }
}

impl PartialEq for Distribution {
    fn eq(&self, other: &Self) -> bool {
        self.buckets().eq(other.buckets())
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_value_read_back_is_at_most_0_8_percent_above() {
        for exponent in 0..36 {
            let true_value = Duration::from_micros((1_u64 << exponent) * 5 / 4);
            let recorder = Recorder::new();
            recorder.record(true_value);
            let read = recorder.load().max().unwrap();
            assert!(read >= true_value, "{read:?} < {true_value:?}");
            assert!(
                read <= true_value.mul_f64(129.0 / 128.0),
                "{read:?} > {true_value:?}"
            );
        }
    }

    #[test]
    fn a_descending_series_is_recorded_whole_whatever_its_length() {
        for (first, step) in [
            (3 * MS, MS),
            (MS, MS),
            (250 * MS, 7 * MS),
            (999 * MS, 30 * MS),
        ] {
            let one_by_one = Recorder::new();
            let mut value = first;
            while !value.is_zero() {
                one_by_one.record(value);
                value = value.saturating_sub(step);
            }
            let at_once = Recorder::new();
            at_once.record_descending(first, step);
            assert_eq!(at_once.load(), one_by_one.load(), "{first:?} by {step:?}");
        }
    }

    #[test]
    fn a_year_of_waiting_is_recorded_in_as_many_steps_as_there_are_buckets() {
        let mut runs = 0;
        let mut members = 0;
        for_each_run(MAX_VALUE, 1_000, |_, count| {
            runs += 1;
            members += count;
        });
        assert_eq!(members, MAX_VALUE.div_ceil(1_000));
        assert!(runs <= CONFIG.total_buckets(), "{runs}");
        Recorder::new().record_descending(Duration::from_secs(365 * 86_400), MS);
    }

    #[test]
    fn a_window_is_the_difference_of_two_readings() {
        let recorder = Recorder::new();
        recorder.record(MS);
        let earlier = recorder.load();
        recorder.record(5 * MS);
        let window = recorder.load().since(&earlier);
        assert_eq!(window.count(), 1);
        assert!(window.max().unwrap() >= 5 * MS);
        assert_eq!(earlier.merge(&window), recorder.load());
    }

    #[test]
    fn nothing_recorded_has_no_quantile() {
        assert_eq!(Distribution::default().quantile(0.5), None);
        assert_eq!(Distribution::default().max(), None);
        assert_eq!(Distribution::default().count(), 0);
    }
}
