//! A function's path as a demangled symbol has it, read back: who wrote it, and how its
//! author would write it.
//!
//! Symbols come in two manglings and in the words of debug information. The same method is
//! `myapp::Pool<T>::get`, `<myapp::Pool<myapp::Config>>::get` or only `get`. Whatever comes,
//! something is made of it: a symbol is data from outside.

#[cfg(test)]
mod tests;

/// A name is cut to so many characters.
const LONGEST: usize = 200;
/// Arguments of types are shown this deep: `Pool<Vec<Config>>`.
const DEPTH: usize = 2;

/// A symbol, cut into its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Symbol<'a> {
    /// The modules and the function; of an `impl`, the modules that it stands in.
    modules: Vec<&'a str>,
    /// The type that the function belongs to, where the symbol says so,
    subject: Option<&'a str>,
    /// and the trait.
    of: Option<&'a str>,
    /// What follows the type.
    method: Vec<&'a str>,
}

impl<'a> Symbol<'a> {
    pub(super) fn read(symbol: &'a str) -> Self {
        let mut this = Self {
            modules: Vec::new(),
            subject: None,
            of: None,
            method: Vec::new(),
        };
        for segment in split(symbol, "::") {
            if is_made_up(segment) {
                continue;
            }
            match segment.strip_prefix('<') {
                Some(inner) if this.subject.is_none() => {
                    let inner = inner.strip_suffix('>').unwrap_or(inner);
                    this.qualify(inner);
                }
                // `::<u8>`: what the function is made for.
                Some(_) => {}
                None if this.subject.is_none() => this.modules.push(segment),
                None => this.method.push(segment),
            }
        }
        this
    }

    /// `Type as Trait`, `impl Trait for Type`, `impl Type`, `Type`.
    fn qualify(&mut self, inner: &'a str) {
        if let Some(inner) = inner.strip_prefix("impl ") {
            let mut parts = split(inner, " for ");
            let (first, second) = (parts.next(), parts.next());
            (self.subject, self.of) = second.map_or((first, None), |ty| (Some(ty), first));
        } else if self.modules.is_empty() {
            let mut parts = split(inner, " as ");
            (self.subject, self.of) = (parts.next(), parts.next());
        }
    }

    /// The crates that may have the function, the likeliest first. Where a type of one
    /// crate implements the trait of another, the symbol does not tell which it was.
    pub(super) fn crates(&self) -> impl Iterator<Item = &'a str> {
        let modules = self.modules.first().copied().filter(|_| self.is_path());
        let subject = self.subject.and_then(crate_of);
        let of = self.of.and_then(crate_of);
        modules.into_iter().chain(subject).chain(of)
    }

    /// Whether it says more than the function's own name.
    fn is_path(&self) -> bool {
        self.modules.len() > 1 || self.subject.is_some()
    }

    /// Whether it tells no more than the function's own name: one of the C library, or of
    /// debug information that has only lines.
    pub(super) fn is_bare(&self) -> bool {
        !self.is_path()
    }

    /// Whether it is a call through `Fn`, `FnMut` or `FnOnce`: the compiler's, not the
    /// closure's own code.
    pub(super) fn is_shim(&self) -> bool {
        self.of
            .is_some_and(|of| of.starts_with("core::ops::function::Fn"))
    }

    /// The modules, the type and the function, without arguments.
    pub(super) fn path(&self) -> Vec<&'a str> {
        let owner = self
            .subject
            .map_or(self.modules.clone(), |subject| self.owner(subject));
        let segments = owner.into_iter().chain(self.method.iter().copied());
        let bare = segments.map(|segment| segment.split('<').next().unwrap_or(segment));
        bare.filter(|segment| !segment.is_empty()).collect()
    }

    /// The path of the type, or what comes closest to it.
    fn owner(&self, subject: &'a str) -> Vec<&'a str> {
        let ty = bare_type(subject);
        if crate_of(ty).is_some() {
            return split(ty, "::").filter(|s| !is_made_up(s)).collect();
        }
        match self.of {
            _ if !self.modules.is_empty() => self.modules.clone(),
            // `T`, whatever that is: the trait tells more.
            Some(of) if ty.starts_with(|c: char| c.is_ascii_uppercase()) => {
                split(of, "::").collect()
            }
            _ if ty.starts_with('[') => vec!["core", "slice"],
            _ => vec!["core", ty],
        }
    }

    /// As its author writes it; empty if the symbol has no name but the compiler's.
    pub(super) fn name(&self) -> String {
        let mut name = String::new();
        match (self.subject, self.of) {
            // A trait of the program's for a type of others: the type alone says little.
            (Some(subject), Some(of)) if !crate_of(subject).is_some_and(is_no_std) => {
                name.push('<');
                shorten(subject, DEPTH, &mut name);
                name.push_str(" as ");
                with_modules(of, &mut name);
                name.push('>');
            }
            (Some(subject), _) => with_modules(bare_type(subject), &mut name),
            (None, _) => {}
        }
        if let ([function], None) = (&*self.modules, self.subject) {
            // What it is made for follows right behind the bare name.
            return cut(function.split('<').next().unwrap_or(function).to_owned());
        }
        let modules: &[&str] = if self.subject.is_none() {
            &self.modules
        } else {
            &[]
        };
        for segment in modules.iter().chain(&self.method) {
            if !name.is_empty() {
                name.push_str("::");
            }
            shorten(segment, DEPTH, &mut name);
        }
        cut(name)
    }
}

/// The path of the first type of a crate that `wanted` says yes to, such as that of the
/// task in `Core<myapp::handler::{async_fn_env#0}, …>::poll`.
pub(super) fn mentioned(symbol: &str, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let starts = symbol.char_indices().filter(|&(at, c)| {
        let before = symbol
            .get(..at)
            .and_then(|before| before.chars().next_back());
        is_word(c) && !before.is_some_and(|c| is_word(c) || c == ':' || c == '#')
    });
    for (at, _) in starts {
        let rest = symbol.get(at..).unwrap_or_default();
        let end = rest
            .char_indices()
            .find(|&(_, c)| !(is_word(c) || c == ':'))
            .map_or(rest.len(), |(at, _)| at);
        let path = rest.get(..end).unwrap_or_default().trim_end_matches(':');
        let first = path.split("::").next().unwrap_or_default();
        if first.len() < path.len() && wanted(first) {
            return Some(cut(path.to_owned()));
        }
    }
    None
}

/// What the compiler adds to paths: closures, async blocks, `impl`s by number, hashes.
fn is_made_up(segment: &str) -> bool {
    let hash = segment
        .strip_prefix('h')
        .is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    segment.is_empty() || segment.starts_with('{') || hash
}

fn is_no_std(name: &str) -> bool {
    !matches!(name, "std" | "core" | "alloc")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The first segment of the type's path; `None` for what belongs to the language, and
/// for the name of a parameter, such as `T`.
fn crate_of(ty: &str) -> Option<&str> {
    let ty = bare_type(ty);
    let (first, _) = ty.split_once("::")?;
    (!first.is_empty() && first.chars().all(is_word)).then_some(first)
}

/// The type behind references and pointers, without its arguments' lifetimes.
fn bare_type(mut ty: &str) -> &str {
    const BEFORE: [&str; 6] = ["&", "mut ", "*const ", "*mut ", "dyn ", "impl "];
    loop {
        let rest = BEFORE.iter().find_map(|before| ty.strip_prefix(before));
        let lifetime = || ty.strip_prefix('\'')?.split_once(' ').map(|(_, rest)| rest);
        match rest.or_else(lifetime) {
            Some(rest) => ty = rest.trim_start(),
            None => return ty,
        }
    }
}

/// The whole path, and its arguments in short.
fn with_modules(ty: &str, name: &mut String) {
    for (index, segment) in split(ty, "::").filter(|s| !is_made_up(s)).enumerate() {
        if index > 0 {
            name.push_str("::");
        }
        shorten(segment, DEPTH, name);
    }
}

/// The last segment of each path in it: `Vec<Config>` of `alloc::vec::Vec<myapp::Config>`.
fn shorten(ty: &str, depth: usize, name: &mut String) {
    let last = split(ty, "::").filter(|s| !is_made_up(s)).last();
    let Some(last) = last else {
        return name.push('_');
    };
    let Some((head, arguments)) = last.split_once('<') else {
        return name.push_str(last);
    };
    name.push_str(head);
    name.push('<');
    let arguments = arguments.strip_suffix('>').unwrap_or(arguments);
    if depth == 0 {
        name.push('…');
    } else {
        let shown = split(arguments, ", ").filter(|a| !a.starts_with('\''));
        for (index, argument) in shown.enumerate() {
            if index > 0 {
                name.push_str(", ");
            }
            shorten(argument, depth - 1, name);
        }
    }
    name.push('>');
}

fn cut(mut name: String) -> String {
    if let Some((at, _)) = name.char_indices().nth(LONGEST) {
        let last = name
            .get(..at)
            .and_then(|kept| kept.char_indices().next_back());
        name.truncate(last.map_or(0, |(at, _)| at));
        name.push('…');
    }
    name
}

/// The parts between separators that stand in no brackets.
fn split<'a>(text: &'a str, separator: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let mut depth = 0_usize;
        let mut before = ' ';
        for (at, c) in text.char_indices() {
            let (here, after) = (text.get(..at)?, text.get(at..)?);
            if depth == 0
                && !here.is_empty()
                && let Some(after) = after.strip_prefix(separator)
            {
                rest = Some(after);
                return Some(here);
            }
            match c {
                '<' | '(' | '[' | '{' => depth += 1,
                // The arrow of a function pointer closes nothing.
                '>' if before == '-' => {}
                '>' | ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            before = c;
        }
        Some(text)
    })
}
