//! The arguments of `#[tokio::main]`, with its meanings and refusals.

use loopmon_core::config::nearest;
use proc_macro2::{Ident, Span};
use syn::{Lit, LitStr, Path};

use super::key::{Name, TokioKey};
use super::syntax::{Form, Value};

/// The runtime that was asked for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Flavor {
    #[default]
    MultiThread,
    CurrentThread,
    Local,
}

impl Flavor {
    const fn as_str(self) -> &'static str {
        match self {
            Self::MultiThread => "multi_thread",
            Self::CurrentThread => "current_thread",
            Self::Local => "local",
        }
    }
}

pub(super) const FLAVORS: [&str; 3] = ["multi_thread", "current_thread", "local"];

/// The flavor that once had the name `word`, or that people expect under it.
pub(super) fn renamed_flavor(word: &str) -> Option<&'static str> {
    match word {
        "threaded_scheduler" => Some("multi_thread"),
        "basic_scheduler" | "single_thread" | "single_threaded" => Some("current_thread"),
        _ => None,
    }
}

/// The valid ones. Those whose errors may come from rustc keep the span of their
/// key.
#[derive(Default)]
pub(crate) struct Tokio {
    pub(super) flavor: Option<Flavor>,
    pub(crate) worker_threads: Option<usize>,
    pub(crate) start_paused: Option<(bool, Span)>,
    pub(crate) name: Option<LitStr>,
    /// The variant of Tokio's `UnhandledPanic`.
    pub(crate) unhandled_panic: Option<(Ident, Span)>,
    pub(super) krate: Option<Path>,
    /// What works with some flavors only: the key, where it stands, and whether
    /// it needs several threads.
    particular: Vec<(TokioKey, Span, bool)>,
    /// The flavor was written, but not understood.
    flavor_unknown: bool,
}

impl Tokio {
    pub(super) fn set(
        &mut self,
        key: TokioKey,
        word: &Ident,
        value: syn::Result<Value>,
    ) -> syn::Result<()> {
        let (name, place) = (Name::Tokio(key), word.span());
        self.flavor_unknown |= key == TokioKey::Flavor;
        let value = &value?;
        match key {
            TokioKey::Flavor => {
                self.flavor = Some(flavor(name, value)?);
                self.flavor_unknown = false;
            }
            TokioKey::WorkerThreads => {
                self.particular.push((key, place, true));
                self.worker_threads = Some(worker_threads(name, value)?);
            }
            TokioKey::StartPaused => {
                self.particular.push((key, place, false));
                let Form::Literal(Lit::Bool(paused)) = &value.form else {
                    return Err(value.mistyped(name, "not `true` or `false`"));
                };
                self.start_paused = Some((paused.value, place));
            }
            TokioKey::Name => {
                let text = value.text(name)?;
                if text.value().trim().is_empty() {
                    return Err(name.invalid(text.span(), &text.value(), "blank"));
                }
                self.name = Some(text);
            }
            TokioKey::UnhandledPanic => {
                self.particular.push((key, place, false));
                self.unhandled_panic = Some((unhandled_panic(name, value)?, place));
            }
            TokioKey::Crate => {
                let text = value.text(name)?;
                let path = text
                    .parse()
                    .map_err(|_| name.invalid(text.span(), &text.value(), "not a path"))?;
                self.krate = Some(path);
            }
        }
        Ok(())
    }

    /// Takes out the arguments that do not go with the flavor, and tells them.
    pub(super) fn contradictions(&mut self) -> Vec<syn::Error> {
        let flavor = self.flavor.unwrap_or_default();
        let verb = if self.flavor.is_some() {
            "here it is"
        } else {
            "the default is"
        };
        let mut problems = Vec::new();
        for (key, place, needs_several) in &self.particular {
            if *needs_several == (flavor == Flavor::MultiThread) || self.flavor_unknown {
                continue;
            }
            let needed = if *needs_several {
                "`flavor = \"multi_thread\"`"
            } else {
                "`flavor = \"current_thread\"` or `\"local\"`"
            };
            let (name, flavor) = (Name::Tokio(*key).as_str(), flavor.as_str());
            problems.push(syn::Error::new(
                *place,
                format!("`{name}` needs {needed}, and {verb} `{flavor}`"),
            ));
        }
        if !problems.is_empty() || self.flavor_unknown {
            self.worker_threads = None;
            self.start_paused = None;
            self.unhandled_panic = None;
        }
        problems
    }
}

fn flavor(name: Name, value: &Value) -> syn::Result<Flavor> {
    let literal = value.text(name)?;
    let text = literal.value();
    match text.as_str() {
        "multi_thread" => Ok(Flavor::MultiThread),
        "current_thread" => Ok(Flavor::CurrentThread),
        "local" => Ok(Flavor::Local),
        _ => {
            let reason = renamed_flavor(&text).map_or_else(
                || no_such("flavor", &text, &FLAVORS),
                |flavor| format!("the flavor is called `{flavor}`"),
            );
            Err(name.invalid(literal.span(), &text, &reason))
        }
    }
}

fn worker_threads(name: Name, value: &Value) -> syn::Result<usize> {
    let Form::Literal(Lit::Int(number)) = &value.form else {
        return Err(value.mistyped(name, "not a number"));
    };
    match number.base10_parse::<usize>() {
        Ok(0) => Err(name.invalid(number.span(), "0", "a runtime needs a worker")),
        Ok(count) => Ok(count),
        Err(error) => {
            let text = number.base10_digits();
            Err(name.invalid(number.span(), text, &error.to_string()))
        }
    }
}

fn unhandled_panic(name: Name, value: &Value) -> syn::Result<Ident> {
    let literal = value.text(name)?;
    let text = literal.value();
    let variant = match text.as_str() {
        "ignore" => "Ignore",
        "shutdown_runtime" => "ShutdownRuntime",
        _ => {
            let reason = no_such("behavior", &text, &["ignore", "shutdown_runtime"]);
            return Err(name.invalid(literal.span(), &text, &reason));
        }
    };
    Ok(Ident::new(variant, Span::mixed_site()))
}

fn no_such(what: &str, text: &str, known: &[&str]) -> String {
    nearest(text, known.iter().copied()).map_or_else(
        || format!("no such {what}"),
        |nearest| format!("no such {what}, did you mean `{nearest}`?"),
    )
}
