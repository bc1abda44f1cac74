//! The arguments that `#[tokio::main]` does not have. Their values are checked with
//! the grammar that the environment uses.

use loopmon_core::config::{Config, Key, SinkSpec};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::LitStr;

use super::syntax::{Argument, Value};
use super::{Arguments, Mistakes};

/// A value that is known to be valid.
pub(crate) struct Setting {
    key: Key,
    value: LitStr,
}

impl Setting {
    /// The pair of key and value that the core reads.
    pub(crate) fn to_tokens(&self, private: &TokenStream) -> TokenStream {
        let Self { key, value } = self;
        let variant = Ident::new(&format!("{key:?}"), Span::mixed_site());
        let mut text = quote! { #value };
        if let Some(feature) = self.feature() {
            // Expands to the text, or to an error where the sink is compiled out: only
            // the facade knows its features.
            let check = Ident::new(&format!("sink_{feature}"), value.span());
            text = quote! { #private::#check!(#value) };
        }
        quote! { (#private::Key::#variant, #text) }
    }

    /// The feature of loopmon that the value needs.
    fn feature(&self) -> Option<&'static str> {
        if self.key != Key::Sink {
            return None;
        }
        match self.value.value().parse() {
            Ok(SinkSpec::Auto | SinkSpec::Stderr { .. }) | Err(_) => None,
            Ok(other) => Some(other.kind()),
        }
    }
}

/// Checks the argument's values and adds those that are valid.
pub(super) fn apply(
    key: Key,
    argument: &Argument,
    arguments: &mut Arguments,
    mistakes: &mut Mistakes,
) {
    let single = std::slice::from_ref(&argument.value);
    let values = match (&argument.value, key) {
        (Value::Array(values, _), Key::Own | Key::Sink) => values.as_slice(),
        _ => single,
    };
    if values.is_empty() {
        let name = key.name();
        let empty = format!("`{name}` = `[]`: empty; accepted: {}", key.accepts());
        mistakes.push(argument.value.mistake(empty));
    }
    let mut checked = Config::default();
    for value in values {
        match (value, value.as_string()) {
            (_, Some(text)) => match checked.set(key, &text.value()) {
                Ok(()) => arguments.settings.push(Setting {
                    key,
                    value: text.clone(),
                }),
                Err(invalid) => mistakes.push(value.mistake(invalid)),
            },
            (Value::Expression(expression), _) if key == Key::Sink => {
                arguments.sinks.push(expression.clone());
            }
            _ => mistakes.push(value.mistake(not_a_string(key, value))),
        }
    }
}

fn not_a_string(key: Key, value: &Value) -> String {
    let name = key.name();
    let accepted = key.accepts();
    match (key, value) {
        (Key::Sink, _) => format!(
            "`{name}` takes a string, an expression that implements `Sink`, or an array of both; \
             accepted strings: {accepted}"
        ),
        (Key::Own, _) => format!("`{name}` takes strings; accepted: {accepted}"),
        (_, Value::Literal(literal)) => {
            let literal = quote!(#literal);
            format!("`{name}` takes a string, here `{literal}`; accepted: {accepted}")
        }
        _ => format!("`{name}` takes a string; accepted: {accepted}"),
    }
}
