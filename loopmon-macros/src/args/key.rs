//! What the arguments are called, and what each accepts.

use loopmon_core::config::{Key, nearest};
use proc_macro2::Span;

use super::tokio::{FLAVORS, renamed_flavor};

/// An argument that `#[tokio::main]` has too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TokioKey {
    Flavor,
    WorkerThreads,
    StartPaused,
    Name,
    UnhandledPanic,
    Crate,
}

impl TokioKey {
    const ALL: [Self; 6] = [
        Self::Flavor,
        Self::WorkerThreads,
        Self::StartPaused,
        Self::Name,
        Self::UnhandledPanic,
        Self::Crate,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Flavor => "flavor",
            Self::WorkerThreads => "worker_threads",
            Self::StartPaused => "start_paused",
            Self::Name => "name",
            Self::UnhandledPanic => "unhandled_panic",
            Self::Crate => "crate",
        }
    }

    const fn accepts(self) -> &'static str {
        match self {
            Self::Flavor => "`multi_thread`, `current_thread`, `local`",
            Self::WorkerThreads => "a number from 1",
            Self::StartPaused => "`true`, `false`",
            Self::Name => "a text that is not blank",
            Self::UnhandledPanic => "`ignore`, `shutdown_runtime`",
            Self::Crate => "the path of loopmon, such as `my_reexport::loopmon`",
        }
    }

    /// A value as it stands in the source.
    const fn example(self) -> &'static str {
        match self {
            Self::Flavor => "\"current_thread\"",
            Self::WorkerThreads => "4",
            Self::StartPaused => "true",
            Self::Name => "\"my-runtime\"",
            Self::UnhandledPanic => "\"ignore\"",
            Self::Crate => "\"my_reexport::loopmon\"",
        }
    }
}

/// Any argument.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Tokio(TokioKey),
    Ours(Key),
}

impl Name {
    fn all() -> impl Iterator<Item = Self> {
        let tokio = TokioKey::ALL.into_iter().map(Self::Tokio);
        Key::ALL.into_iter().map(Self::Ours).chain(tokio)
    }

    /// The argument that `word` names, or what is wrong with it.
    pub(super) fn find(word: &str) -> Result<Self, String> {
        Self::all()
            .find(|name| name.as_str() == word)
            .ok_or_else(|| unknown(word))
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tokio(key) => key.name(),
            Self::Ours(key) => key.name(),
        }
    }

    pub(super) fn accepts(self) -> String {
        match self {
            Self::Tokio(key) => key.accepts().to_owned(),
            // The environment, which knows the same key, has no expressions.
            Self::Ours(Key::Sink) => {
                format!(
                    "{}, or an expression of a type that implements `loopmon::Sink`",
                    Key::Sink.accepts()
                )
            }
            Self::Ours(key) => key.accepts().to_owned(),
        }
    }

    /// The argument in full, as it could be written.
    pub(super) fn example(self) -> String {
        let name = self.as_str();
        match self {
            Self::Tokio(key) => format!("{name} = {}", key.example()),
            Self::Ours(key) => {
                // The texts quote their first example.
                let value = key.accepts().split('`').nth(1).unwrap_or_default();
                format!("{name} = \"{value}\"")
            }
        }
    }

    /// A value with several elements, of the keys that take some.
    pub(super) const fn example_list(self) -> Option<&'static str> {
        match self {
            Self::Ours(Key::Sink) => Some("[\"stderr\", \"jsonl:run.jsonl\"]"),
            Self::Ours(Key::Own) => Some("[\"my_app\", \"my_lib\"]"),
            Self::Ours(_) | Self::Tokio(_) => None,
        }
    }

    /// The mistake in a value, in the words of
    /// [`Invalid`](loopmon_core::config::Invalid).
    pub(super) fn invalid(self, place: Span, value: &str, reason: &str) -> syn::Error {
        let (name, accepted) = (self.as_str(), self.accepts());
        syn::Error::new(
            place,
            format!("`{name}` = `{value}`: {reason}; accepted: {accepted}"),
        )
    }
}

fn unknown(word: &str) -> String {
    if word == "core_threads" {
        return "`core_threads` is now called `worker_threads`".to_owned();
    }
    if let Some(flavor) = FLAVORS
        .into_iter()
        .find(|flavor| *flavor == word)
        .or_else(|| renamed_flavor(word))
    {
        return format!("the flavor is written `flavor = \"{flavor}\"`");
    }
    let hint = nearest(&word.to_lowercase(), Name::all().map(Name::as_str))
        .map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
    let all: Vec<String> = Name::all()
        .map(|name| format!("`{}`", name.as_str()))
        .collect();
    format!(
        "no such argument `{word}`{hint}; accepted: {}",
        all.join(", ")
    )
}
