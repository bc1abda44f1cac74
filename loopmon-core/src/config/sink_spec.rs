//! Where records go, as one string: `kind[:[//]target][?key=value&…]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::{duration, nearest};

/// A sink by its text, such as `stderr?every=10s` or `jsonl:run.jsonl`.
///
/// # Examples
///
/// ```
/// use loopmon_core::config::{JsonlTarget, SinkSpec};
///
/// let spec: SinkSpec = "jsonl:my%20run.jsonl".parse().unwrap();
/// assert_eq!(spec, SinkSpec::Jsonl(JsonlTarget::File("my run.jsonl".into())));
/// assert_eq!("jsonl".parse::<SinkSpec>().unwrap_err(), "`jsonl` needs a target: `jsonl:PATH`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SinkSpec {
    /// Tracing events if the program has a global subscriber when something
    /// happens, else standard error.
    Auto,
    /// Standard error: a message on a terminal, one logfmt line otherwise.
    Stderr {
        /// The period of an additional summary line.
        every: Option<Duration>,
    },
    /// Events of the `tracing` crate with the target `loopmon`.
    Tracing,
    /// One JSON object a line.
    Jsonl(JsonlTarget),
}

/// Where JSON lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JsonlTarget {
    /// `-`: standard output.
    Stdout,
    /// A file, which is created or appended to.
    File(PathBuf),
}

/// What would end a target, or be read as something else in it.
const RESERVED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b' ');

/// What a kind of sink takes.
struct Form {
    kind: &'static str,
    /// The placeholder of the target in messages; `None` if it has no target.
    target: Option<&'static str>,
    keys: &'static [&'static str],
}

const FORMS: [Form; 4] = [
    Form {
        kind: "auto",
        target: None,
        keys: &[],
    },
    Form {
        kind: "stderr",
        target: None,
        keys: &["every"],
    },
    Form {
        kind: "tracing",
        target: None,
        keys: &[],
    },
    Form {
        kind: "jsonl",
        target: Some("PATH"),
        keys: &[],
    },
];

impl SinkSpec {
    /// The kind: the part before the first `:` or `?`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Stderr { .. } => "stderr",
            Self::Tracing => "tracing",
            Self::Jsonl(_) => "jsonl",
        }
    }
}

/// The text that reads back as the same sink.
impl fmt::Display for SinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Auto | Self::Tracing | Self::Stderr { every: None } => Ok(()),
            // In milliseconds: the grammar wants one number and one unit.
            Self::Stderr { every: Some(every) } => write!(f, "?every={}ms", every.as_millis()),
            Self::Jsonl(JsonlTarget::Stdout) => f.write_str(":-"),
            Self::Jsonl(JsonlTarget::File(path)) => {
                let path = path.to_string_lossy();
                write!(f, ":{}", utf8_percent_encode(&path, RESERVED))
            }
        }
    }
}

impl FromStr for SinkSpec {
    /// What is wrong with the text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = Parts::split(text);
        let form = parts.form()?;
        let target = parts.target(form)?;
        let options = parts.options(form)?;
        let option = |key| {
            options
                .iter()
                .find(|(k, _)| *k == key)
                .map(|(_, v)| v.as_str())
        };
        Ok(match form.kind {
            "stderr" => Self::Stderr {
                every: option("every").map(every).transpose()?,
            },
            "tracing" => Self::Tracing,
            "jsonl" if target == "-" => Self::Jsonl(JsonlTarget::Stdout),
            "jsonl" => Self::Jsonl(JsonlTarget::File(target.into())),
            _ => Self::Auto,
        })
    }
}

fn every(value: &str) -> Result<Duration, String> {
    duration::parse_within(value, &duration::EVERY)
        .map_err(|reason| format!("`every` = `{value}`: {reason}"))
}

/// The text, cut but not yet understood.
struct Parts<'a> {
    kind: &'a str,
    target: Option<&'a str>,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Self {
        let (address, query) = match text.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (text, None),
        };
        let (kind, target) = match address.split_once(':') {
            Some((kind, target)) => (kind, Some(target.strip_prefix("//").unwrap_or(target))),
            None => (address, None),
        };
        Self {
            kind,
            target,
            query,
        }
    }

    fn form(&self) -> Result<&'static Form, String> {
        if self.kind.is_empty() {
            return Err("the kind of sink is missing".to_owned());
        }
        FORMS
            .iter()
            .find(|form| form.kind == self.kind)
            .ok_or_else(|| {
                let hint = nearest(self.kind, FORMS.iter().map(|form| form.kind))
                    .map_or_else(String::new, |kind| format!(" (did you mean `{kind}`?)"));
                format!("no such sink `{}`{hint}", self.kind)
            })
    }

    fn target(&self, form: &Form) -> Result<String, String> {
        let kind = form.kind;
        match (form.target, self.target) {
            (None, None) => Ok(String::new()),
            (None, Some(target)) => Err(format!("`{kind}` takes no target, here `{target}`")),
            (Some(name), None | Some("")) => {
                Err(format!("`{kind}` needs a target: `{kind}:{name}`"))
            }
            (Some(_), Some(target)) => decode(target),
        }
    }

    fn options(&self, form: &Form) -> Result<Vec<(&'a str, String)>, String> {
        let mut options: Vec<(&str, String)> = Vec::new();
        for pair in self.query.into_iter().flat_map(|query| query.split('&')) {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(format!("`{pair}` is not of the form `key=value`"));
            };
            if !form.keys.contains(&key) {
                return Err(unknown_option(form, key));
            }
            if options.iter().any(|(k, _)| *k == key) {
                return Err(format!("`{key}` is given twice"));
            }
            options.push((key, decode(value)?));
        }
        Ok(options)
    }
}

fn unknown_option(form: &Form, key: &str) -> String {
    let kind = form.kind;
    if form.keys.is_empty() {
        return format!("`{kind}` takes no options, here `{key}`");
    }
    let known = form.keys.join("`, `");
    format!("`{kind}` has no option `{key}`, only `{known}`")
}

/// Undoes percent-encoding, and refuses what is not one.
fn decode(text: &str) -> Result<String, String> {
    for (at, _) in text.match_indices('%') {
        let code = text.get(at + 1..at + 3).unwrap_or_default();
        if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_hexdigit()) || code == "00" {
            return Err(format!(
                "`{}` is no percent-encoded byte, `%` itself is written `%25`",
                text.get(at..)
                    .map_or("%", |rest| rest.get(..3).unwrap_or(rest)),
            ));
        }
    }
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| format!("`{text}` is not UTF-8 once decoded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> SinkSpec {
        SinkSpec::Jsonl(JsonlTarget::File(path.into()))
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, expected) in [
            ("auto", SinkSpec::Auto),
            ("stderr", SinkSpec::Stderr { every: None }),
            (
                "stderr?every=10s",
                SinkSpec::Stderr {
                    every: Some(Duration::from_secs(10)),
                },
            ),
            ("tracing", SinkSpec::Tracing),
            ("jsonl:-", SinkSpec::Jsonl(JsonlTarget::Stdout)),
            ("jsonl:run.jsonl", file("run.jsonl")),
            ("jsonl:/var/log/run.jsonl", file("/var/log/run.jsonl")),
            ("jsonl:///var/log/run.jsonl", file("/var/log/run.jsonl")),
            ("jsonl:what%3F%25.jsonl", file("what?%.jsonl")),
            ("jsonl:a:b", file("a:b")),
        ] {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
            assert_eq!(
                expected.to_string().parse(),
                Ok(expected),
                "{text}, written again"
            );
        }
    }

    #[test]
    fn every_malformed_spec_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "the kind of sink is missing"),
            (":x", "the kind of sink is missing"),
            ("stdrr", "no such sink `stdrr` (did you mean `stderr`?)"),
            ("kafka://x", "no such sink `kafka`"),
            ("STDERR", "no such sink `STDERR`"),
            ("jsonl", "`jsonl` needs a target: `jsonl:PATH`"),
            ("jsonl://", "`jsonl` needs a target: `jsonl:PATH`"),
            ("stderr:x", "`stderr` takes no target, here `x`"),
            (
                "stderr?often=10s",
                "`stderr` has no option `often`, only `every`",
            ),
            ("stderr?every", "`every` is not of the form `key=value`"),
            ("stderr?", "`` is not of the form `key=value`"),
            ("stderr?every=1s&every=2s", "`every` is given twice"),
            (
                "stderr?every=1ms",
                "`every` = `1ms`: too short, the limit is 1s",
            ),
            (
                "tracing?level=info",
                "`tracing` takes no options, here `level`",
            ),
            (
                "jsonl:100%",
                "`%` is no percent-encoded byte, `%` itself is written `%25`",
            ),
            (
                "jsonl:%zz.x",
                "`%zz` is no percent-encoded byte, `%` itself is written `%25`",
            ),
            (
                "jsonl:a%00b",
                "`%00` is no percent-encoded byte, `%` itself is written `%25`",
            ),
            ("jsonl:%ff", "`%ff` is not UTF-8 once decoded"),
        ] {
            assert_eq!(text.parse::<SinkSpec>(), Err(reason.to_owned()), "{text:?}");
        }
    }
}
