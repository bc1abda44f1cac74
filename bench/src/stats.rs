//! Few numbers for many.

/// The value that the fraction `q` of all does not exceed.
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index, rounded"
    )]
    let index = (last as f64 * q).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The median with the least and the most beside it.
pub(crate) fn spread(values: &[f64], unit: &str) -> String {
    let (least, most) = (quantile(values, 0.0), quantile(values, 1.0));
    format!("{:.1} {unit} ({least:.1} to {most:.1})", median(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp, reason = "the values are among those given")]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0, 5.0], 0.0), 1.0);
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0, 5.0], 1.0), 5.0);
        assert!(median(&[]).is_nan());
    }
}
