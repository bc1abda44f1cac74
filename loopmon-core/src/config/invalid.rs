use std::error::Error;
use std::fmt;

/// A setting that can't be used: which one, what was written, what is wrong with
/// it, and what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    key: String,
    value: String,
    reason: String,
    accepted: String,
}

impl Invalid {
    pub(super) fn new(
        key: impl Into<String>,
        value: impl Into<String>,
        reason: impl Into<String>,
        accepted: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
            reason: reason.into(),
            accepted: accepted.into(),
        }
    }

    /// A sink that is well-formed but can't be had.
    #[cfg(feature = "monitor")]
    pub(crate) fn sink(spec: &super::SinkSpec, reason: &str) -> Self {
        let key = super::Key::Sink;
        Self::new(key.name(), spec.to_string(), reason, key.accepts())
    }

    /// The same mistake, made where the setting goes by another name.
    pub(super) fn named(self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self
        }
    }

    /// What is wrong with the value.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            value,
            reason,
            accepted,
        } = self;
        write!(f, "`{key}` = `{value}`: {reason}; accepted: {accepted}")
    }
}

impl Error for Invalid {}
