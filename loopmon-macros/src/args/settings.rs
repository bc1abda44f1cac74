//! The arguments that loopmon adds.

use loopmon_core::config::{Config, Key, SinkSpec};
use proc_macro2::TokenStream;
use syn::LitStr;

use super::key::Name;
use super::syntax::{Form, Value};

/// The valid ones, in the order in which they were written.
#[derive(Default)]
pub(super) struct Settings {
    /// Finds what is wrong only together, such as one sink twice.
    config: Config,
    pub(super) texts: Vec<Setting>,
    pub(super) sinks: Vec<TokenStream>,
}

/// One value that [`Config::set`] accepts.
pub(crate) struct Setting {
    pub(crate) key: Key,
    pub(crate) value: LitStr,
    /// The macro of the facade that knows whether the feature of this sink is on.
    pub(crate) guard: Option<&'static str>,
}

impl Settings {
    pub(super) fn set(&mut self, key: Key, value: &Value) -> Vec<syn::Error> {
        let takes_list = matches!(key, Key::Sink | Key::Own);
        match &value.form {
            Form::List(values) if takes_list && values.is_empty() => {
                vec![value.mistyped(Name::Ours(key), "an empty list")]
            }
            Form::List(values) if takes_list => values
                .iter()
                .filter_map(|value| match value.form {
                    Form::List(_) => Some(value.mistyped(Name::Ours(key), "a list within a list")),
                    _ => self.element(key, value).err(),
                })
                .collect(),
            _ => self.element(key, value).err().into_iter().collect(),
        }
    }

    fn element(&mut self, key: Key, value: &Value) -> syn::Result<()> {
        if key == Key::Sink && matches!(value.form, Form::Expression) {
            self.sinks.push(value.tokens.clone());
            return Ok(());
        }
        let literal = value.text(Name::Ours(key))?;
        let text = literal.value();
        self.config
            .set(key, &text)
            .map_err(|invalid| syn::Error::new(literal.span(), invalid))?;
        let guard = (key == Key::Sink).then(|| guard(&text)).flatten();
        self.texts.push(Setting {
            key,
            value: literal,
            guard,
        });
        Ok(())
    }
}

fn guard(spec: &str) -> Option<&'static str> {
    match spec.parse::<SinkSpec>().ok()?.kind() {
        "jsonl" => Some("sink_jsonl"),
        "tracing" => Some("sink_tracing"),
        _ => None,
    }
}
