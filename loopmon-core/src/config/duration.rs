//! Durations as people write them: one number, one unit.

use std::ops::RangeInclusive;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

pub(super) const INTERVAL: RangeInclusive<Duration> = MILLISECOND..=HOUR;
pub(super) const STALL_THRESHOLD: RangeInclusive<Duration> = MILLISECOND..=HOUR;
pub(super) const FLUSH: RangeInclusive<Duration> = Duration::ZERO..=MINUTE;
pub(super) const DRILL: RangeInclusive<Duration> = MILLISECOND..=MINUTE;
pub(super) const DRILL_ACCEPTS: &str = "a duration from 1ms to 1m, such as `150ms`";
/// Samples are taken once a second.
pub(super) const EVERY: RangeInclusive<Duration> = Duration::from_secs(1)..=HOUR;

/// The units that make sense for a loop. humantime knows more, among them `M`,
/// a month, which is one slip of the shift key away from `m`.
const UNITS: [&str; 6] = ["us", "µs", "ms", "s", "m", "h"];

pub(super) fn parse_within(
    text: &str,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, String> {
    within(parse(text)?, range)
}

pub(super) fn within(
    duration: Duration,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, String> {
    if range.contains(&duration) {
        return Ok(duration);
    }
    let (side, bound) = if duration < *range.start() {
        ("short", range.start())
    } else {
        ("long", range.end())
    };
    Err(format!(
        "too {side}, the limit is {}",
        humantime::format_duration(*bound)
    ))
}

fn parse(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(number.len()..).unwrap_or_default();
    if text.is_empty() {
        return Err("empty".to_owned());
    }
    if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err("not one number and one unit".to_owned());
    }
    if unit.is_empty() {
        return Err(format!("the unit is missing, as in `{number}ms`"));
    }
    if !UNITS.contains(&unit) {
        return Err(format!(
            "no such unit `{unit}`, the units are {}",
            UNITS.join(", ")
        ));
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_and_one_unit_are_accepted() {
        for (text, expected) in [
            ("250ms", Duration::from_millis(250)),
            ("1.5s", Duration::from_millis(1500)),
            ("900us", Duration::from_micros(900)),
            ("900µs", Duration::from_micros(900)),
            ("2m", Duration::from_secs(120)),
            ("1h", HOUR),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "empty"),
            ("250", "the unit is missing, as in `250ms`"),
            ("ms", "not one number and one unit"),
            ("abc", "not one number and one unit"),
            ("-5ms", "not one number and one unit"),
            ("250ms 250ms", "not one number and one unit"),
            ("1M", "no such unit `M`, the units are us, µs, ms, s, m, h"),
            (
                "250 ms",
                "no such unit ` ms`, the units are us, µs, ms, s, m, h",
            ),
            ("1e3ms", "not one number and one unit"),
        ] {
            assert_eq!(parse(text), Err(reason.to_owned()), "{text:?}");
        }
        for text in ["1..5s", ".", "99999999999999999999h", ".5.s"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn limits_are_inclusive_and_named() {
        assert_eq!(parse_within("1ms", &INTERVAL), Ok(MILLISECOND));
        assert_eq!(parse_within("1h", &INTERVAL), Ok(HOUR));
        assert_eq!(
            parse_within("999us", &INTERVAL),
            Err("too short, the limit is 1ms".to_owned())
        );
        assert_eq!(
            parse_within("61m", &INTERVAL),
            Err("too long, the limit is 1h".to_owned())
        );
    }
}
