//! Whom a stack blames: the function to change.

mod seen;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use self::seen::{Owner, Seen};
use super::{Culprit, advice};
use crate::stack::Stack;

/// So many lines of a stack are kept: one of Tokio's own takes about 40 in a debug build.
const LINES: usize = 128;

/// So many callers of code without a name are told: between a function and what it sleeps in
/// lie five calls of the standard library or less.
const CALLERS: usize = 8;

/// Why no function can be blamed, in a few words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unnamed(Arc<str>);

impl Unnamed {
    pub(crate) fn reason(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What code counts as the program's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnCode {
    crates: Vec<String>,
}

impl OwnCode {
    /// Names of crates, whether with `-` or with `_`.
    pub(crate) fn new(crates: Vec<String>) -> Self {
        let crates = crates.into_iter().map(|name| name.replace('-', "_"));
        Self {
            crates: crates.collect(),
        }
    }

    fn has(&self, krate: &str) -> bool {
        self.crates.iter().any(|own| own == krate)
    }
}

/// The innermost function of the user's own code, else of a dependency.
pub(crate) fn blame(stack: &Stack, own: &OwnCode) -> Result<Culprit, Unnamed> {
    let seen: Vec<_> = stack.frames.iter().map(|f| Seen::of(f, own)).collect();
    let poll = seen.iter().position(Seen::is_poll);
    let (inside, outside) = seen.split_at(poll.unwrap_or(seen.len()));
    let innermost = |owner| inside.iter().position(|seen| seen.can_be(owner));
    let by_name = |at: usize| Some((at, inside.get(at)?.name()));
    // Without debug information, a task that was inlined into Tokio's poll has left only its
    // type there.
    let poll = || outside.first().filter(|poll| poll.frame.file.is_none());
    let by_type = |owner| Some((inside.len(), poll()?.type_of_task(owner, own)?));
    let (at, function) = innermost(Owner::User)
        .and_then(by_name)
        .or_else(|| by_type(Owner::User))
        .or_else(|| innermost(Owner::Dependency).and_then(by_name))
        .or_else(|| by_type(Owner::Dependency))
        .ok_or_else(|| unnamed(&seen, inside))?;
    let blamed = inside.get(at);
    let way_in = inside.get(..at).unwrap_or_default();
    let known = known(way_in, blamed);
    let called = known.map(|known| Arc::from(known.called));
    Ok(Culprit {
        file: blamed.and_then(Seen::file).map(Arc::from),
        line: blamed.and_then(|seen| seen.frame.line),
        own: blamed.map_or_else(
            || own.has(crate_of(&function)),
            |seen| seen.owner == Owner::User,
        ),
        function: function.into(),
        called: called.or_else(|| direct_call(way_in)),
        task: task(inside, outside, own).map(Arc::from),
        advice: known.map(|known| known.advice),
        stack: seen
            .iter()
            .take(LINES)
            .map(|seen| seen.line().into())
            .collect(),
        truncated: !stack.complete || seen.len() > LINES,
    })
}

/// The function that was spawned, or `main`: the outermost inside of the poll.
fn task(inside: &[Seen<'_>], outside: &[Seen<'_>], own: &OwnCode) -> Option<String> {
    let poll = outside.first()?;
    let outermost = |owner| {
        let found = inside.iter().rev().find(|seen| seen.can_be(owner))?;
        Some(found.name())
    };
    let of = |owner| poll.type_of_task(owner, own).or_else(|| outermost(owner));
    of(Owner::User).or_else(|| of(Owner::Dependency))
}

/// The row for what was called; a dependency's own function may be one as well.
fn known(way_in: &[Seen<'_>], blamed: Option<&Seen<'_>>) -> Option<advice::Known> {
    let itself = blamed.filter(|seen| seen.owner == Owner::Dependency);
    let outermost_first = way_in.iter().rev();
    let paths: Vec<_> = outermost_first.map(Seen::path).collect();
    advice::known(&paths).or_else(|| advice::known(&[itself?.path()]))
}

/// What was called where no row knows it; `None` if all that follows are helpers, such as
/// iterators, which count as the caller's own computing.
fn direct_call(way_in: &[Seen<'_>]) -> Option<Arc<str>> {
    let call = way_in.iter().rev().find(|seen| !seen.is_helper())?;
    let name = match call.owner {
        Owner::Foreign => advice::plain(call.raw).to_owned(),
        _ => call.symbol.name(),
    };
    (!name.is_empty()).then(|| name.into())
}

fn crate_of(function: &str) -> &str {
    function.split("::").next().unwrap_or(function)
}

/// The innermost calls in the object that has no names: the first may be of the standard
/// library, and then the program's own code is one of those it was called from.
fn nameless(inside: &[Seen<'_>]) -> Option<String> {
    let mut calls = inside.iter().filter(|seen| seen.owner == Owner::Nobody);
    let first = calls.next()?;
    let callers = calls.filter(|call| call.frame.module == first.frame.module);
    let callers: Vec<_> = callers.take(CALLERS).map(Seen::place).collect();
    Some(if callers.is_empty() {
        first.address()
    } else {
        format!("{}, called from {}", first.address(), callers.join(", "))
    })
}

/// Says what to build otherwise, or what is known nevertheless. Outside of the poll it is
/// not the program's fault that a name is missing: there stands libc's start of a thread.
fn unnamed(seen: &[Seen<'_>], inside: &[Seen<'_>]) -> Unnamed {
    if seen.is_empty() {
        return Unnamed("its stack could not be read".into());
    }
    if let Some(calls) = nameless(inside) {
        return Unnamed(format!("in {calls}; build with debug = 1").into());
    }
    let has_debug = |seen: &Seen<'_>| seen.is_rust() && seen.frame.file.is_some();
    if !seen.iter().any(has_debug) {
        return Unnamed("build with debug = 1".into());
    }
    let mut names = seen.iter().map(|seen| seen.symbol.name());
    Unnamed(match names.find(|name| !name.is_empty()) {
        Some(name) => format!("in no function of the program, but in {name}").into(),
        None => "in no function of the program".into(),
    })
}
