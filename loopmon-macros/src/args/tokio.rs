//! The arguments of `#[tokio::main]`, with its meaning and its refusals.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Lit, Path};

use super::syntax::{Argument, Value};
use super::{Arguments, Mistakes};

pub(super) const NAMES: [&str; 6] = [
    "flavor",
    "worker_threads",
    "start_paused",
    "name",
    "unhandled_panic",
    "crate",
];

const FLAVORS: &str = "`multi_thread`, `current_thread`, `local`";

/// What an argument of former times is called now.
pub(super) fn renamed(name: &str) -> Option<&'static str> {
    match name {
        "core_threads" | "num_threads" | "max_threads" => Some("it is called `worker_threads` now"),
        "threaded_scheduler" | "multi_thread" => Some("write `flavor = \"multi_thread\"`"),
        "basic_scheduler" | "current_thread" | "single_thread" | "single_threaded" => {
            Some("write `flavor = \"current_thread\"`")
        }
        "local" => Some("write `flavor = \"local\"`"),
        _ => None,
    }
}

/// The runtime's flavor.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Flavor {
    #[default]
    MultiThread,
    CurrentThread,
    Local,
}

impl Flavor {
    /// The variant of the core's type with the same name.
    pub(crate) const fn variant(self) -> &'static str {
        match self {
            Self::MultiThread => "MultiThread",
            Self::CurrentThread => "CurrentThread",
            Self::Local => "Local",
        }
    }

    fn read(argument: &Argument) -> Result<Self, Error> {
        let text = string(argument, FLAVORS)?;
        let hint = match &*text {
            "multi_thread" => return Ok(Self::MultiThread),
            "current_thread" => return Ok(Self::CurrentThread),
            "local" => return Ok(Self::Local),
            "threaded_scheduler" => ", it is called `multi_thread` now",
            "basic_scheduler" | "single_thread" | "single_threaded" => {
                ", it is called `current_thread`"
            }
            _ => "",
        };
        let mistake = format!("`flavor` = `{text}`: no such flavor{hint}; accepted: {FLAVORS}");
        Err(argument.value.mistake(mistake))
    }
}

/// An option of the builder, with the place to complain about it.
struct Method {
    call: TokenStream,
    needs: Needs,
    refused: Error,
}

/// The flavors on which an option has a meaning.
#[derive(PartialEq, Eq)]
enum Needs {
    MultiThread,
    OneThread,
    Nothing,
}

/// The arguments read so far. Which go together is known when all are.
#[derive(Default)]
pub(super) struct Options {
    flavor: Flavor,
    /// The flavor itself was a mistake: what goes with it can't be told.
    flavor_unknown: bool,
    krate: Option<Path>,
    methods: Vec<Method>,
}

impl Options {
    pub(super) fn apply(&mut self, argument: &Argument) -> Result<(), Error> {
        match &*argument.name.to_string() {
            "flavor" => {
                self.flavor_unknown = true;
                self.flavor = Flavor::read(argument)?;
                self.flavor_unknown = false;
            }
            "worker_threads" => {
                let count = worker_threads(argument)?;
                self.add(
                    argument,
                    quote! { worker_threads(#count) },
                    Needs::MultiThread,
                );
            }
            "start_paused" => {
                let paused = boolean(argument)?;
                self.add(argument, quote! { start_paused(#paused) }, Needs::OneThread);
            }
            "unhandled_panic" => {
                let krate = self
                    .krate
                    .as_ref()
                    .map_or_else(|| quote! { ::loopmon }, |k| quote! { #k });
                let behavior = unhandled_panic(argument, &krate)?;
                self.add(
                    argument,
                    quote! { unhandled_panic(#behavior) },
                    Needs::OneThread,
                );
            }
            "name" => {
                let accepted = "a name that is not blank";
                let name = string(argument, accepted)?;
                if name.trim().is_empty() {
                    let mistake = format!("`name` = `{name}`: blank; accepted: {accepted}");
                    return Err(argument.value.mistake(mistake));
                }
                self.add(argument, quote! { name(#name) }, Needs::Nothing);
            }
            _ => self.krate = Some(path(argument)?),
        }
        Ok(())
    }

    fn add(&mut self, argument: &Argument, call: TokenStream, needs: Needs) {
        let name = &argument.name;
        let refused = match needs {
            Needs::MultiThread => format!("`{name}` needs `flavor = \"multi_thread\"`"),
            Needs::OneThread | Needs::Nothing => {
                format!("`{name}` needs `flavor = \"current_thread\"` or `flavor = \"local\"`")
            }
        };
        self.methods.push(Method {
            call,
            needs,
            refused: argument.value.mistake(refused),
        });
    }

    /// Hands over what goes with the flavor, and refuses the rest.
    pub(super) fn finish(self, arguments: &mut Arguments, mistakes: &mut Mistakes) {
        let impossible = match self.flavor {
            Flavor::MultiThread => Needs::OneThread,
            Flavor::CurrentThread | Flavor::Local => Needs::MultiThread,
        };
        for method in self.methods {
            if method.needs != impossible {
                arguments.tokio.push(method.call);
            } else if !self.flavor_unknown {
                mistakes.push(method.refused);
            }
        }
        arguments.flavor = self.flavor;
        arguments.krate = self.krate;
    }
}

fn string(argument: &Argument, accepted: &str) -> Result<String, Error> {
    argument
        .value
        .as_string()
        .map(syn::LitStr::value)
        .ok_or_else(|| {
            let name = &argument.name;
            argument
                .value
                .mistake(format!("`{name}` takes a string; accepted: {accepted}"))
        })
}

fn boolean(argument: &Argument) -> Result<bool, Error> {
    match &argument.value {
        Value::Literal(Lit::Bool(literal)) => Ok(literal.value),
        other => {
            let name = &argument.name;
            Err(other.mistake(format!("`{name}` takes `true` or `false`")))
        }
    }
}

fn worker_threads(argument: &Argument) -> Result<usize, Error> {
    let accepted = "accepted: an integer of 1 or more";
    let Value::Literal(Lit::Int(literal)) = &argument.value else {
        let mistake = format!("`worker_threads` takes an integer; {accepted}");
        return Err(argument.value.mistake(mistake));
    };
    match literal.base10_parse() {
        Ok(0) => Err("0".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{literal}`: `{error}")),
    }
    .map_err(|value| {
        argument
            .value
            .mistake(format!("`worker_threads` = `{value}`; {accepted}"))
    })
}

fn unhandled_panic(argument: &Argument, krate: &TokenStream) -> Result<TokenStream, Error> {
    let accepted = "`ignore`, `shutdown_runtime`";
    let behavior = string(argument, accepted)?;
    let variant = match &*behavior {
        "ignore" => quote! { Ignore },
        "shutdown_runtime" => quote! { ShutdownRuntime },
        _ => {
            let mistake =
                format!("`unhandled_panic` = `{behavior}`: no such behavior; accepted: {accepted}");
            return Err(argument.value.mistake(mistake));
        }
    };
    Ok(quote! { #krate::__private::tokio::runtime::UnhandledPanic::#variant })
}

fn path(argument: &Argument) -> Result<Path, Error> {
    let accepted = "the path of loopmon, such as `my_crate::loopmon`";
    let text = string(argument, accepted)?;
    let parsed = argument.value.as_string().map(syn::LitStr::parse::<Path>);
    parsed.and_then(Result::ok).ok_or_else(|| {
        argument.value.mistake(format!(
            "`crate` = `{text}`: not a path; accepted: {accepted}"
        ))
    })
}
