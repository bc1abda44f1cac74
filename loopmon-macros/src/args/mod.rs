//! The arguments of the attribute: read, checked, and every mistake collected.

mod ours;
mod syntax;
mod tokio;

use std::collections::HashMap;

use loopmon_core::config::{Key, nearest};
use proc_macro2::{Span, TokenStream};
use syn::{Error, Path};

pub(crate) use self::ours::Setting;
use self::syntax::Argument;
pub(crate) use self::tokio::Flavor;

/// What the expansion needs of the arguments.
#[derive(Default)]
pub(crate) struct Arguments {
    /// Where loopmon is found, if not at `::loopmon`.
    pub(crate) krate: Option<Path>,
    pub(crate) flavor: Flavor,
    /// Methods of Tokio's builder, with their arguments.
    pub(crate) tokio: Vec<TokenStream>,
    pub(crate) settings: Vec<Setting>,
    /// Sinks that are expressions.
    pub(crate) sinks: Vec<TokenStream>,
}

/// All mistakes so far.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<Error>);

impl Mistakes {
    pub(crate) fn push(&mut self, mistake: Error) {
        self.0.push(mistake);
    }

    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|mistake| self.push(mistake)).ok()
    }

    /// One error that reports them all.
    pub(crate) fn combined(self) -> Option<Error> {
        self.0.into_iter().reduce(|mut all, mistake| {
            all.combine(mistake);
            all
        })
    }
}

/// Reads all arguments. Those with a mistake are left out.
pub(crate) fn parse(tokens: TokenStream) -> (Arguments, Mistakes) {
    let mut arguments = Arguments::default();
    let mut mistakes = Mistakes::default();
    let mut first: HashMap<String, Span> = HashMap::new();
    let mut tokio = tokio::Options::default();
    let mut all = syntax::split(tokens, &mut mistakes);
    // First of all the path of loopmon, which other arguments are written with.
    all.sort_by_key(|argument| argument.name != "crate");
    for argument in all {
        let name = argument.name.to_string();
        if let Some(first) = first.get(&name) {
            mistakes.push(Error::new(
                argument.name.span(),
                format!("`{name}` is given twice"),
            ));
            mistakes.push(Error::new(*first, format!("`{name}` is first given here")));
            continue;
        }
        first.insert(name.clone(), argument.name.span());
        if let Some(key) = Key::ALL.into_iter().find(|key| key.name() == name) {
            ours::apply(key, &argument, &mut arguments, &mut mistakes);
        } else if tokio::NAMES.contains(&&*name) {
            mistakes.note(tokio.apply(&argument));
        } else {
            mistakes.push(unknown(&argument));
        }
    }
    tokio.finish(&mut arguments, &mut mistakes);
    (arguments, mistakes)
}

fn unknown(argument: &Argument) -> Error {
    let name = argument.name.to_string();
    let known = || Key::ALL.into_iter().map(Key::name).chain(tokio::NAMES);
    let hint = tokio::renamed(&name)
        .map(str::to_owned)
        .or_else(|| nearest(&name, known()).map(|nearest| format!("did you mean `{nearest}`?")));
    let hint = hint.map_or_else(String::new, |hint| format!(" ({hint})"));
    let known = known().collect::<Vec<_>>().join("`, `");
    Error::new(
        argument.name.span(),
        format!("no such argument `{name}`{hint}; accepted: `{known}`"),
    )
}
