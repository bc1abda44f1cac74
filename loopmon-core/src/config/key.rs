/// The settings that loopmon adds to those of `#[tokio::main]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// [`Config::interval`](super::Config::interval).
    Interval,
    /// [`Config::stall_threshold`](super::Config::stall_threshold).
    StallThreshold,
    /// [`Config::sinks`](super::Config::sinks).
    Sink,
    /// [`Config::backtrace`](super::Config::backtrace).
    Backtrace,
    /// [`Config::own`](super::Config::own).
    Own,
    /// [`Config::flush`](super::Config::flush).
    Flush,
}

impl Key {
    /// All keys, in the order in which the documentation lists them.
    pub const ALL: [Self; 6] = [
        Self::Interval,
        Self::StallThreshold,
        Self::Sink,
        Self::Backtrace,
        Self::Own,
        Self::Flush,
    ];

    /// The argument of the attribute.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::StallThreshold => "stall_threshold",
            Self::Sink => "sink",
            Self::Backtrace => "backtrace",
            Self::Own => "own",
            Self::Flush => "flush",
        }
    }

    /// The environment variable with which an operator replaces the attribute's
    /// value. `flush` has none: how long the end may take is the program's choice.
    #[must_use]
    pub const fn variable(self) -> Option<&'static str> {
        match self {
            Self::Interval => Some("LOOPMON_INTERVAL"),
            Self::StallThreshold => Some("LOOPMON_STALL_THRESHOLD"),
            Self::Sink => Some("LOOPMON_SINK"),
            Self::Backtrace => Some("LOOPMON_BACKTRACE"),
            Self::Own => Some("LOOPMON_OWN"),
            Self::Flush => None,
        }
    }

    /// What the value may be, for error messages.
    #[must_use]
    pub const fn accepts(self) -> &'static str {
        match self {
            Self::Interval => "a duration from 1ms to 1h, such as `250ms`",
            Self::StallThreshold => "a duration from 1ms to 1h, such as `100ms`",
            Self::Sink => "`auto`, `stderr`, `stderr?every=10s`, `tracing`, `jsonl:PATH`",
            Self::Backtrace => "`auto`, `always`, `never`",
            Self::Own => "names of crates, such as `my_app`",
            Self::Flush => "a duration from 0ms to 1m, such as `500ms`",
        }
    }
}

/// The candidate that `word` was probably meant to be.
///
/// # Examples
///
/// ```
/// use loopmon_core::config::nearest;
///
/// assert_eq!(nearest("intervall", ["interval", "sink"]), Some("interval"));
/// assert_eq!(nearest("colour", ["interval", "sink"]), None);
/// ```
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // 0.75 lets one slip pass in a word of four letters, two in one of eight.
    const ALIKE: f64 = 0.75;
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(word, candidate),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
