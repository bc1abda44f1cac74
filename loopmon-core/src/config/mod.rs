//! What a user may set: pure data, and the one grammar that the attribute and
//! the environment share.
//!
//! The macro crate depends on this module alone. It calls [`Config::set`] at
//! compile time, and the expansion passes the same strings to the same function
//! at run time, so the two can never disagree about what is valid.

mod duration;
mod environment;
mod invalid;
mod key;
mod sink_spec;

use std::time::Duration;

pub use environment::{Environment, overlay};
pub use invalid::Invalid;
pub use key::{Key, nearest};
pub use sink_spec::{JsonlTarget, SinkSpec};

/// Every setting with its value. [`Config::default`] is what `#[loopmon::main]`
/// without arguments uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The mean time between two pings of a runtime.
    pub interval: Duration,
    /// How long a worker may stay away from the scheduler before it is stuck.
    pub stall_threshold: Duration,
    /// When stacks may be captured.
    pub backtrace: Backtrace,
    /// Crates whose functions count as the user's own code, besides the crate of
    /// the annotated `main`. Written with `_`, as in paths.
    pub own: Vec<String>,
    /// How long the end of the program may wait for the sinks.
    pub flush: Duration,
    /// Where records go. Empty means [`SinkSpec::Auto`], unless the program
    /// supplies a sink of its own.
    pub sinks: Vec<SinkSpec>,
}

/// When stacks may be captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backtrace {
    /// Without disturbing system calls of the program.
    #[default]
    Auto,
    /// Also where a signal is the only way, which may interrupt a system call.
    Always,
    /// Never.
    Never,
}

impl Backtrace {
    const ALL: [Self; 3] = [Self::Auto, Self::Always, Self::Never];

    /// The word that stands for it in attribute, environment and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(250),
            // Unoptimised code is about five times slower, and its stalls say
            // little about the release build.
            stall_threshold: Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 100 }),
            backtrace: Backtrace::Auto,
            own: Vec::new(),
            flush: Duration::from_millis(500),
            sinks: Vec::new(),
        }
    }
}

impl Config {
    /// Sets one value from its text. The keys that hold lists, [`Key::Own`] and
    /// [`Key::Sink`], take one element a call.
    ///
    /// # Errors
    ///
    /// The text is not what the key accepts; the configuration is unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use loopmon_core::config::{Config, Key};
    /// use std::time::Duration;
    ///
    /// let mut config = Config::default();
    /// config.set(Key::Interval, "25ms")?;
    /// assert_eq!(config.interval, Duration::from_millis(25));
    ///
    /// let error = config.set(Key::Interval, "25").unwrap_err();
    /// assert!(error.to_string().starts_with("`interval` = `25`: the unit is missing"));
    /// # Ok::<(), loopmon_core::config::Invalid>(())
    /// ```
    pub fn set(&mut self, key: Key, value: &str) -> Result<(), Invalid> {
        let invalid = |reason: String| Invalid::new(key.name(), value, reason, key.accepts());
        match key {
            Key::Interval => {
                self.interval =
                    duration::parse_within(value, &duration::INTERVAL).map_err(invalid)?;
            }
            Key::StallThreshold => {
                self.stall_threshold =
                    duration::parse_within(value, &duration::STALL_THRESHOLD).map_err(invalid)?;
            }
            Key::Flush => {
                self.flush = duration::parse_within(value, &duration::FLUSH).map_err(invalid)?;
            }
            Key::Backtrace => {
                self.backtrace = Backtrace::ALL
                    .into_iter()
                    .find(|backtrace| backtrace.as_str() == value)
                    .ok_or_else(|| invalid("no such mode".to_owned()))?;
            }
            Key::Own => {
                let name = crate_name(value).map_err(invalid)?;
                if !self.own.contains(&name) {
                    self.own.push(name);
                }
            }
            Key::Sink => {
                let spec: SinkSpec = value.parse().map_err(invalid)?;
                if self.sinks.contains(&spec) {
                    return Err(invalid("the same sink twice".to_owned()));
                }
                self.sinks.push(spec);
            }
        }
        Ok(())
    }

    /// Whether all durations are within their limits, for a configuration that was
    /// not made by [`set`](Self::set).
    ///
    /// # Errors
    ///
    /// The first that is not.
    pub fn validate(&self) -> Result<(), Invalid> {
        for (key, value, range) in [
            (Key::Interval, self.interval, &duration::INTERVAL),
            (
                Key::StallThreshold,
                self.stall_threshold,
                &duration::STALL_THRESHOLD,
            ),
            (Key::Flush, self.flush, &duration::FLUSH),
        ] {
            duration::within(value, range).map_err(|reason| {
                let value = humantime::format_duration(value).to_string();
                Invalid::new(key.name(), value, reason, key.accepts())
            })?;
        }
        Ok(())
    }
}

/// The name of a crate as paths write it.
fn crate_name(text: &str) -> Result<String, String> {
    let starts_well = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let goes_on_well = text
        .chars()
        .all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if starts_well && goes_on_well {
        Ok(text.replace('-', "_"))
    } else {
        Err("not the name of a crate".to_owned())
    }
}
