//! A frame of a stack, and whose code it is.

use super::OwnCode;
use crate::stack::Frame;
use crate::stall::advice;
use crate::stall::place::{Place, place, short};
use crate::stall::symbol::{Symbol, mentioned};

/// Whose a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    User,
    Dependency,
    Tokio,
    Loopmon,
    Std,
    /// The C library and its like.
    Foreign,
    Nobody,
}

/// A frame, and what its symbol says.
pub(super) struct Seen<'a> {
    pub(super) frame: &'a Frame,
    pub(super) raw: &'a str,
    pub(super) symbol: Symbol<'a>,
    pub(super) owner: Owner,
}

impl<'a> Seen<'a> {
    pub(super) fn of(frame: &'a Frame, own: &OwnCode) -> Self {
        let raw = frame.function.as_deref().unwrap_or_default();
        let symbol = Symbol::read(raw);
        let owner = owner(frame, &symbol, own);
        Self {
            frame,
            raw,
            symbol,
            owner,
        }
    }

    /// Where the runtime's code ends, and that of a task or of `main`'s future begins.
    pub(super) fn is_poll(&self) -> bool {
        let path = self.path();
        let is_in = |module| path.starts_with(&["tokio", "runtime", "task", module]);
        let of_task = ["core", "harness", "raw"].into_iter().any(is_in);
        self.owner == Owner::Tokio
            && match path.last() {
                Some(&"block_on") => true,
                Some(&("poll" | "poll_inner" | "poll_future")) => of_task,
                _ => false,
            }
    }

    /// The type of the task, which is in the name of its poll where that is not of full debug
    /// information: in `v0` symbols, and where there are only lines.
    pub(super) fn type_of_task(&self, owner: Owner, own: &OwnCode) -> Option<String> {
        let wanted = |krate: &str| by_name(krate, own) == owner;
        let told = self.frame.file.is_none() || self.symbol.is_bare();
        told.then(|| mentioned(self.raw, wanted))?
    }

    /// Whether a function of `owner` can be told by it.
    pub(super) fn can_be(&self, owner: Owner) -> bool {
        self.owner == owner && (self.frame.file.is_some() || !self.symbol.name().is_empty())
    }

    pub(super) fn is_rust(&self) -> bool {
        self.owner != Owner::Foreign
    }

    /// Of an async block in a build that has only lines, no name is left: its file stands
    /// for it.
    pub(super) fn name(&self) -> String {
        let name = self.symbol.name();
        match self.file() {
            Some(file) if name.is_empty() => format!("async code of {file}"),
            _ => name,
        }
    }

    pub(super) fn file(&self) -> Option<&'a str> {
        Some(short(self.frame.file.as_deref()?))
    }

    /// Whether it is such a small part of the language's library that its caller is said to
    /// compute, not to call.
    pub(super) fn is_helper(&self) -> bool {
        const MEMORY: [&str; 5] = ["memcpy", "memmove", "memset", "memcmp", "bcmp"];
        let path = self.symbol.path();
        match self.owner {
            Owner::Std => {
                let sys = path.starts_with(&["std", "sys"]);
                let core = matches!(path.first(), Some(&("core" | "alloc" | "hashbrown")));
                let collections = path.starts_with(&["std", "collections"]);
                let bare = self.symbol.is_bare();
                (core || collections || bare) && !sys
            }
            Owner::Foreign => {
                let name = advice::plain(self.raw);
                MEMORY.iter().any(|helper| name.starts_with(helper))
            }
            Owner::Nobody => true,
            Owner::User | Owner::Dependency | Owner::Tokio | Owner::Loopmon => false,
        }
    }

    /// The path to look advice up by. Where debug information has bare names, the file
    /// stands for the modules.
    pub(super) fn path(&self) -> advice::Path<'a> {
        let path = self.symbol.path();
        let file = self
            .frame
            .file
            .as_deref()
            .filter(|_| self.symbol.is_bare() && self.is_rust());
        let Some(file) = file else {
            return path;
        };
        let package = match place(file) {
            Place::Dependency(package) => package,
            _ => None,
        };
        let (first, modules) = short(file).split_once("/src/").unwrap_or(("", file));
        let modules = modules
            .trim_end_matches(".rs")
            .split('/')
            .filter(|m| *m != "mod");
        let krate = package.unwrap_or(first);
        std::iter::once(krate).chain(modules).chain(path).collect()
    }

    pub(super) fn line(&self) -> String {
        let name = self.symbol.name();
        let name = if name.is_empty() {
            self.raw.to_owned()
        } else {
            name
        };
        match (self.file(), self.frame.line) {
            _ if name.is_empty() => self.address(),
            (Some(file), Some(line)) => format!("{name} at {file}:{line}"),
            (Some(file), None) => format!("{name} at {file}"),
            (None, _) => name,
        }
    }

    /// What `addr2line` needs where there is no name: the place, and in which build.
    pub(super) fn address(&self) -> String {
        let place = self.place();
        match self.frame.build_id.as_deref() {
            Some(id) => format!("{place} (build id {id})"),
            None => place,
        }
    }

    /// Where the code stands in the file of its object.
    pub(super) fn place(&self) -> String {
        let module = self.frame.module.as_deref().unwrap_or("?");
        format!("{module}+{:#x}", self.frame.offset)
    }
}

fn owner(frame: &Frame, symbol: &Symbol<'_>, own: &OwnCode) -> Owner {
    if frame.function.is_none() {
        return Owner::Nobody;
    }
    let by_crate = || by_crates(symbol, own);
    let Some(file) = frame.file.as_deref() else {
        return by_crate();
    };
    match place(file) {
        Place::Std => Owner::Std,
        Place::Foreign => Owner::Foreign,
        Place::Dependency(package) => {
            let package = package.map(|package| package.replace('-', "_"));
            match (by_crate(), package) {
                (Owner::User, _) => Owner::User,
                (_, Some(package)) => by_name(&package, own),
                (Owner::Foreign | Owner::Std, None) => Owner::Dependency,
                (owner, None) => owner,
            }
        }
        // In their own workspaces, Tokio's and loopmon's files are local too.
        Place::Local => match by_crate() {
            owner @ (Owner::Tokio | Owner::Loopmon) => owner,
            _ => Owner::User,
        },
    }
}

fn by_crates(symbol: &Symbol<'_>, own: &OwnCode) -> Owner {
    let crates = || symbol.crates().map(|krate| by_name(krate, own));
    if symbol.is_bare() {
        return Owner::Foreign;
    }
    if symbol.is_shim() {
        return Owner::Std;
    }
    // A type of one crate with a trait of another: the rules of coherence leave the code to
    // either, and `std` knows of neither.
    let best = crates().find(|owner| *owner == Owner::User);
    best.or_else(|| crates().find(|owner| *owner != Owner::Std))
        .unwrap_or(Owner::Std)
}

fn by_name(krate: &str, own: &OwnCode) -> Owner {
    match krate {
        _ if own.has(krate) => Owner::User,
        "std" | "core" | "alloc" | "std_detect" | "hashbrown" | "compiler_builtins" | "__rustc" => {
            Owner::Std
        }
        "tokio" => Owner::Tokio,
        "loopmon" | "loopmon_core" => Owner::Loopmon,
        _ => Owner::Dependency,
    }
}
