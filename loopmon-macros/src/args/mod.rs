//! What stands in the parentheses of the attribute.

mod key;
mod settings;
mod syntax;
mod tokio;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Ident;

use self::key::Name;
pub(crate) use self::settings::Setting;
use self::settings::Settings;
use self::syntax::{Argument, Value};
pub(crate) use self::tokio::Flavor;
use self::tokio::Tokio;

/// All arguments, as far as they make sense.
#[derive(Default)]
pub(crate) struct Arguments {
    tokio: Tokio,
    settings: Settings,
}

impl Arguments {
    /// Reads what can be read, and reports every mistake in the rest.
    pub(crate) fn parse(tokens: TokenStream) -> (Self, Vec<syn::Error>) {
        let mut problems = Vec::new();
        let mut arguments = Self::default();
        let mut seen: Vec<(Name, Ident)> = Vec::new();
        for argument in syntax::split(tokens) {
            let Argument { name, word, value } = match argument {
                Ok(argument) => argument,
                Err(error) => {
                    problems.push(error);
                    continue;
                }
            };
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                problems.extend(twice(name, first, &word));
                continue;
            }
            problems.extend(arguments.set(name, &word, value));
            seen.push((name, word));
        }
        problems.extend(arguments.tokio.contradictions());
        (arguments, problems)
    }

    fn set(&mut self, name: Name, word: &Ident, value: syn::Result<Value>) -> Vec<syn::Error> {
        match name {
            Name::Tokio(key) => {
                let set = self.tokio.set(key, word, value);
                set.err().into_iter().collect()
            }
            Name::Ours(key) => {
                value.map_or_else(|error| vec![error], |value| self.settings.set(key, &value))
            }
        }
    }

    /// The path of loopmon, as if it were written by us at `span`.
    pub(crate) fn krate(&self, span: Span) -> TokenStream {
        self.tokio.krate.as_ref().map_or_else(
            || quote_spanned!(span=> ::loopmon),
            ToTokens::to_token_stream,
        )
    }

    pub(crate) fn flavor(&self) -> Flavor {
        self.tokio.flavor.unwrap_or_default()
    }

    pub(crate) fn tokio(&self) -> &Tokio {
        &self.tokio
    }

    pub(crate) fn settings(&self) -> &[Setting] {
        &self.settings.texts
    }

    pub(crate) fn sinks(&self) -> &[TokenStream] {
        &self.settings.sinks
    }
}

/// One error at each of the two.
fn twice(name: Name, first: &Ident, second: &Ident) -> [syn::Error; 2] {
    let word = name.as_str();
    let list = name.example_list().map_or_else(String::new, |example| {
        format!("; several go in one list: `{word} = {example}`")
    });
    [
        syn::Error::new(second.span(), format!("`{word}` is given twice{list}")),
        syn::Error::new(first.span(), format!("`{word}` is first given here")),
    ]
}
