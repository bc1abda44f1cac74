//! What the operator says, over what the program says.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use super::{Config, Invalid, Key, duration, nearest};

const PREFIX: &str = "LOOPMON_";
const OFF: &str = "LOOPMON_OFF";
const DRILL: &str = "LOOPMON_DRILL";

/// What the environment said besides the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `LOOPMON_OFF=1`: run on plain Tokio.
    pub off: bool,
    /// `LOOPMON_DRILL=150ms`: block one worker once, for so long.
    pub drill: Option<Duration>,
    /// What could not be used. The program's own settings stay in force.
    pub problems: Vec<Invalid>,
}

/// Replaces what `variables` set, and ignores all that do not begin with
/// `LOOPMON_`. An empty variable counts as unset; one with a mistake is reported
/// as a whole, and what `config` said before stays.
pub fn overlay(
    config: &mut Config,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Environment {
    let mut environment = Environment::default();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        if value.is_empty() {
            continue;
        }
        if let Err(problem) = environment.read(config, name, &value) {
            environment.problems.push(problem);
        }
    }
    environment
}

impl Environment {
    /// Applies one variable.
    fn read(&mut self, config: &mut Config, name: &str, value: &OsStr) -> Result<(), Invalid> {
        let key = Key::ALL
            .into_iter()
            .find(|key| key.variable() == Some(name));
        let accepted = match name {
            OFF => "`1` or `0`",
            DRILL => duration::DRILL_ACCEPTS,
            _ => key.map_or("text", Key::accepts),
        };
        let invalid = |reason: &str| Invalid::new(name, value.to_string_lossy(), reason, accepted);
        let text = value.to_str().ok_or_else(|| invalid("not UTF-8"))?;
        match (name, key) {
            (OFF, _) => match text {
                "1" => self.off = true,
                "0" => self.off = false,
                _ => return Err(invalid("neither yes nor no")),
            },
            (DRILL, _) => {
                let length = duration::parse_within(text, &duration::DRILL);
                self.drill = Some(length.map_err(|reason| invalid(&reason))?);
            }
            (_, Some(key)) => replace(config, key, name, text)?,
            (_, None) => return Err(unknown(name, text)),
        }
        Ok(())
    }
}

/// Replaces one setting as a whole, or leaves it as it is.
fn replace(config: &mut Config, key: Key, name: &str, text: &str) -> Result<(), Invalid> {
    let mut changed = config.clone();
    let elements: Vec<&str> = match key {
        Key::Sink => {
            changed.sinks.clear();
            text.split_whitespace().collect()
        }
        Key::Own => {
            changed.own.clear();
            text.split_whitespace().collect()
        }
        _ => vec![text],
    };
    for element in elements {
        changed
            .set(key, element)
            .map_err(|error| error.named(name))?;
    }
    *config = changed;
    Ok(())
}

fn unknown(name: &str, value: &str) -> Invalid {
    let known = || {
        Key::ALL
            .into_iter()
            .filter_map(Key::variable)
            .chain([OFF, DRILL])
    };
    let reason = nearest(name, known()).map_or_else(
        || "no such variable".to_owned(),
        |nearest| format!("no such variable (did you mean `{nearest}`?)"),
    );
    Invalid::new(name, value, reason, known().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Backtrace, JsonlTarget, SinkSpec};

    fn overlaid(variables: &[(&str, &str)]) -> (Config, Environment) {
        let mut config = Config::default();
        config.sinks.push(SinkSpec::Tracing);
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let environment = overlay(&mut config, variables);
        (config, environment)
    }

    #[test]
    fn each_variable_replaces_its_setting() {
        let (config, environment) = overlaid(&[
            ("LOOPMON_INTERVAL", "25ms"),
            ("LOOPMON_STALL_THRESHOLD", "10ms"),
            ("LOOPMON_SINK", " stderr \n jsonl:run.jsonl"),
            ("LOOPMON_BACKTRACE", "never"),
            ("LOOPMON_OWN", "my-app my_lib"),
            ("PATH", "LOOPMON_OFF"),
        ]);
        assert_eq!(environment, Environment::default());
        assert_eq!(config.interval, Duration::from_millis(25));
        assert_eq!(config.stall_threshold, Duration::from_millis(10));
        assert_eq!(config.backtrace, Backtrace::Never);
        assert_eq!(config.own, ["my_app", "my_lib"]);
        let file = SinkSpec::Jsonl(JsonlTarget::File("run.jsonl".into()));
        assert_eq!(config.sinks, [SinkSpec::Stderr { every: None }, file]);
    }

    #[test]
    fn a_mistake_is_named_and_the_programs_value_stays() {
        let (config, environment) = overlaid(&[
            ("LOOPMON_INTERVAL", "abc"),
            ("LOOPMON_SINK", "stderr kafka:x"),
            ("LOOPMON_BACKTRACE", "sometimes"),
        ]);
        assert_eq!(config.interval, Config::default().interval);
        assert_eq!(
            config.sinks,
            [SinkSpec::Tracing],
            "not even the half that is valid"
        );
        let said: Vec<String> = environment
            .problems
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            said,
            [
                "`LOOPMON_INTERVAL` = `abc`: not one number and one unit; \
                 accepted: a duration from 1ms to 1h, such as `250ms`",
                "`LOOPMON_SINK` = `kafka:x`: no such sink `kafka`; \
                 accepted: `auto`, `stderr`, `stderr?every=10s`, `tracing`, `jsonl:PATH`",
                "`LOOPMON_BACKTRACE` = `sometimes`: no such mode; \
                 accepted: `auto`, `always`, `never`",
            ]
        );
    }

    #[test]
    fn off_is_one_or_zero() {
        assert!(overlaid(&[("LOOPMON_OFF", "1")]).1.off);
        assert!(!overlaid(&[("LOOPMON_OFF", "0")]).1.off);
        assert!(!overlaid(&[("LOOPMON_OFF", "")]).1.off);
        let (_, environment) = overlaid(&[("LOOPMON_OFF", "true")]);
        assert!(!environment.off);
        assert_eq!(
            environment.problems[0].to_string(),
            "`LOOPMON_OFF` = `true`: neither yes nor no; accepted: `1` or `0`"
        );
    }

    #[test]
    fn a_drill_has_a_length() {
        let (_, environment) = overlaid(&[("LOOPMON_DRILL", "150ms")]);
        assert_eq!(environment.drill, Some(Duration::from_millis(150)));
        for malformed in ["150", "yes", "0ms", "2m"] {
            let (_, environment) = overlaid(&[("LOOPMON_DRILL", malformed)]);
            assert_eq!(environment.drill, None);
            let said = environment.problems[0].to_string();
            assert!(said.starts_with(&format!("`LOOPMON_DRILL` = `{malformed}`: ")));
            assert!(
                said.ends_with("accepted: a duration from 1ms to 1m, such as `150ms`"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_slip_in_a_name_is_told() {
        let (_, environment) = overlaid(&[("LOOPMON_INTERVALL", "25ms")]);
        assert!(
            environment.problems[0]
                .to_string()
                .contains("no such variable (did you mean `LOOPMON_INTERVAL`?)")
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf_8_is_named() {
        use std::os::unix::ffi::OsStringExt as _;
        let mut config = Config::default();
        let value = OsString::from_vec(b"jsonl:\xff".to_vec());
        let environment = overlay(&mut config, [("LOOPMON_SINK".into(), value)]);
        assert!(environment.problems[0].to_string().contains("not UTF-8"));
    }
}
