//! Records as people read them: in a sentence, or as logfmt where a machine reads
//! along.

use std::fmt::Write as _;
use std::time::Duration;

use crate::record::{Dropped, End};
use crate::snapshot::Snapshot;
use crate::stall::{Cause, Hotspot, Stalls};

/// One line with the numbers that matter, in columns that stay where they are from
/// line to line.
pub(super) fn summary(snapshot: &Snapshot) -> String {
    let lag = snapshot.lag.distribution();
    let mut line = format!("{}  ", snapshot.runtime);
    match &snapshot.unmeasured {
        Some(reason) => _ = write!(line, "lag unmeasured ({reason})"),
        None => {
            for (name, value) in [
                ("lag p50", lag.quantile(0.5)),
                ("p99", lag.quantile(0.99)),
                ("max", lag.max()),
            ] {
                let value = value.map_or_else(|| "-".to_owned(), human);
                _ = write!(line, "{name} {value:>7}  ");
            }
        }
    }
    if let Some(waiting) = snapshot.lag.waiting() {
        _ = write!(line, "(waiting for {})  ", human(waiting));
    }
    if let (Some(tasks), Some(queued)) = (snapshot.active_tasks, snapshot.global_queue_depth) {
        _ = write!(line, "tasks {tasks:>4}  queued {queued:>3}  ");
    }
    if !snapshot.workers.is_empty() {
        _ = write!(line, "busy {}  ", busy(snapshot));
    }
    if snapshot.stalls.time() > Duration::ZERO {
        _ = write!(line, "stalled {:>7}  ", human(snapshot.stalls.time()));
    }
    let host = snapshot
        .host_lag
        .max()
        .map_or_else(|| "-".to_owned(), human);
    _ = write!(line, "host lag {host:>7}");
    line
}

/// The same for a machine. Times are in seconds.
pub(super) fn logfmt_sample(snapshot: &Snapshot) -> String {
    let lag = snapshot.lag.distribution();
    let mut line = format!(
        "event=sample runtime={} window_s={:.3} probe={} lag_count={}",
        value(&snapshot.runtime),
        snapshot.window.as_secs_f64(),
        snapshot.probe,
        lag.count(),
    );
    let mut seconds = |key: &str, time: Option<Duration>| {
        if let Some(time) = time {
            _ = write!(line, " {key}={:.6}", time.as_secs_f64());
        }
    };
    seconds("lag_p50_s", lag.quantile(0.5));
    seconds("lag_p99_s", lag.quantile(0.99));
    seconds("lag_max_s", lag.max());
    seconds("lag_waiting_s", snapshot.lag.waiting());
    seconds("host_lag_max_s", snapshot.host_lag.max());
    if let (Some(tasks), Some(queued)) = (snapshot.active_tasks, snapshot.global_queue_depth) {
        _ = write!(line, " active_tasks={tasks} global_queue_depth={queued}");
    }
    if snapshot.stalls.time() > Duration::ZERO {
        _ = write!(line, " {}", logfmt_stalls(&snapshot.stalls));
    }
    if let Some(reason) = &snapshot.unmeasured {
        _ = write!(line, " unmeasured={}", value(reason));
    }
    line
}

fn logfmt_stalls(stalls: &Stalls) -> String {
    format!(
        "stalls={} stall_time_s={:.6} stall_max_s={:.6} stalls_held_back={}",
        stalls.started(),
        stalls.time().as_secs_f64(),
        stalls.longest().unwrap_or_default().as_secs_f64(),
        stalls.held_back,
    )
}

/// What to say at the end.
pub(super) fn farewell(end: &End) -> String {
    let total = &end.total;
    let lag = total.lag.distribution();
    let mut line = format!("{}: monitored for {}", total.runtime, human(total.window));
    if let (Some(p99), Some(max)) = (lag.quantile(0.99), lag.max()) {
        _ = write!(
            line,
            "; the loop was up to {} late (p99 {} of {} pings)",
            human(max),
            human(p99),
            lag.count(),
        );
    }
    if let Some(host) = total.host_lag.max() {
        _ = write!(line, ", the machine itself up to {}", human(host));
    }
    if let Some(longest) = total.stalls.longest() {
        let (count, time) = (total.stalls.started(), total.stalls.time());
        let plural = if count == 1 { "" } else { "s" };
        _ = write!(
            line,
            "; {count} stall{plural}, the longest {}, {} in all",
            human(longest),
            human(time),
        );
        if total.stalls.held_back > 0 {
            _ = write!(line, " ({} of them not told)", total.stalls.held_back);
        }
    }
    for Dropped { what, from, count } in &end.dropped {
        let plural = if *count == 1 { "" } else { "s" };
        _ = write!(line, "; {from} lost {count} {what}{plural}");
    }
    line
}

/// One line each for the code that kept workers longest.
pub(super) fn worst(stalls: &Stalls) -> String {
    const SHOWN: usize = 3;
    let mut lines = String::new();
    for hotspot in stalls.hotspots.iter().take(SHOWN) {
        _ = write!(lines, "\n  {}", hotspot_line(hotspot));
    }
    lines
}

fn hotspot_line(hotspot: &Hotspot) -> String {
    let mut line = hotspot.function.to_string();
    match (&hotspot.file, hotspot.line) {
        (Some(file), Some(number)) => _ = write!(line, " ({file}:{number})"),
        (Some(file), None) => _ = write!(line, " ({file})"),
        (None, _) => {}
    }
    let plural = if hotspot.count == 1 { "" } else { "s" };
    _ = write!(
        line,
        ": {} stall{plural}, {} in all, the longest {}",
        hotspot.count,
        human(hotspot.time),
        human(hotspot.longest),
    );
    match (hotspot.cause, &hotspot.called) {
        (Cause::Cpu, None) => line.push_str(", computing"),
        (Cause::Cpu, Some(called)) => _ = write!(line, ", computing in {called}"),
        (Cause::Blocking, None) => line.push_str(", blocking"),
        (Cause::Blocking, Some(called)) => _ = write!(line, ", blocking in {called}"),
        (_, Some(called)) => _ = write!(line, ", last seen in {called}"),
        (_, None) => {}
    }
    line
}

/// The same for a machine.
pub(super) fn logfmt_end(end: &End) -> String {
    let total = &end.total;
    let lag = total.lag.distribution();
    let mut line = format!(
        "event=end runtime={} window_s={:.3} lag_count={}",
        value(&total.runtime),
        total.window.as_secs_f64(),
        lag.count(),
    );
    for (key, time) in [
        ("lag_p99_s", lag.quantile(0.99)),
        ("lag_max_s", lag.max()),
        ("host_lag_max_s", total.host_lag.max()),
    ] {
        if let Some(time) = time {
            _ = write!(line, " {key}={:.6}", time.as_secs_f64());
        }
    }
    if total.stalls.started() > 0 {
        _ = write!(line, " {}", logfmt_stalls(&total.stalls));
    }
    if let Some(worst) = total.stalls.hotspots.first() {
        _ = write!(
            line,
            " hotspot={} hotspot_stalls={} hotspot_time_s={:.6}",
            value(&worst.function),
            worst.count,
            worst.time.as_secs_f64(),
        );
    }
    let dropped: u64 = end.dropped.iter().map(|dropped| dropped.count).sum();
    _ = write!(line, " dropped={dropped}");
    line
}

/// The share of the window in which each worker was busy. Beyond eight workers the
/// least, the mean and the most of them.
fn busy(snapshot: &Snapshot) -> String {
    const EACH: usize = 8;
    let window = snapshot.window.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut shares: Vec<f64> = snapshot
        .workers
        .iter()
        // A poll that began before the window is published whole in it.
        .map(|worker| (worker.busy.as_secs_f64() / window).min(1.0) * 100.0)
        .collect();
    if shares.len() <= EACH {
        return shares
            .iter()
            .map(|share| format!("{share:>3.0}%"))
            .collect::<Vec<_>>()
            .join(" ");
    }
    shares.sort_by(f64::total_cmp);
    let count = u32::try_from(shares.len()).unwrap_or(u32::MAX);
    let mean = shares.iter().sum::<f64>() / f64::from(count);
    let (least, most) = (
        shares.first().unwrap_or(&0.0),
        shares.last().unwrap_or(&0.0),
    );
    format!("{least:.0}% to {most:.0}%, mean {mean:.0}% of {count}")
}

/// A duration with two or three digits and the unit that fits it.
pub(super) fn human(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        s if s < 0.001 => return format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// A logfmt value: quoted if it would not be one word.
pub(super) fn value(text: &str) -> String {
    let one_word = !text.is_empty()
        && text
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !"\"=\\".contains(c));
    if one_word {
        text.to_owned()
    } else {
        format!("{text:?}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn durations_have_the_unit_that_fits() {
        for (micros, text) in [
            (0, "0 µs"),
            (31, "31 µs"),
            (1_240, "1.2 ms"),
            (312_000, "312 ms"),
            (2_500_000, "2.5 s"),
            (3_600_000_000, "3600 s"),
        ] {
            assert_eq!(human(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn a_name_with_spaces_stays_one_logfmt_value() {
        assert_eq!(value("main"), "main");
        assert_eq!(value("my \"rt\"\n"), r#""my \"rt\"\n""#);
        assert_eq!(value(""), "\"\"");
    }

    #[test]
    fn the_end_names_the_three_that_took_most() {
        let mut stalls = Stalls::default();
        for (name, count) in [("myapp::config::load", 5), ("a", 1), ("b", 1), ("c", 1)] {
            stalls.hotspots.push(hotspot(name, count));
        }
        let lines = worst(&stalls);
        assert_eq!(lines.lines().count(), 1 + 3);
        assert!(lines.starts_with(
            "\n  myapp::config::load (src/config.rs:37): 5 stalls, 610 ms in all, the longest \
             130 ms, blocking in std::thread::sleep\n"
        ));
        assert_eq!(worst(&Stalls::default()), "");
    }

    fn hotspot(function: &str, count: u64) -> Hotspot {
        Hotspot {
            function: function.into(),
            file: Some("src/config.rs".into()),
            line: Some(37),
            cause: Cause::Blocking,
            called: Some("std::thread::sleep".into()),
            advice: None,
            count,
            time: Duration::from_millis(610),
            longest: Duration::from_millis(130),
            last: Timestamp::at(Instant::now()),
        }
    }
}
