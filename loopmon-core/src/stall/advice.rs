//! What to do about a stall, by the functions that the program called on its way into it.

mod table;
#[cfg(test)]
mod tests;

use self::table::{CALLS, Row, SYMBOLS};

/// A call that is known to keep workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// As users write it.
    pub(super) called: &'static str,
    /// One sentence on what to do instead.
    pub(super) advice: &'static str,
}

/// Where one function is called, as [`known`] looks at it: the segments of its path, or
/// only a name if it belongs to no crate.
pub(super) type Path<'a> = Vec<&'a str>;

/// What is known of a way in, outermost call first: the first of them that has a row.
/// That is the one that the program's author wrote.
pub(super) fn known(way_in: &[Path<'_>]) -> Option<Known> {
    let by_call = way_in.iter().find_map(|path| {
        let (first, rest) = path.split_first()?;
        find(CALLS, |frame| is_at(frame, canonical(first), rest))
    });
    by_call.or_else(|| {
        way_in.iter().find_map(|path| {
            let name = plain(path.last()?);
            let foreign = path.len() == 1 || path.starts_with(&["std", "sys"]);
            foreign.then(|| find(SYMBOLS, |symbol| symbol == name))?
        })
    })
}

fn find(rows: &'static [Row], matches: impl Fn(&str) -> bool) -> Option<Known> {
    rows.iter().find_map(|row| {
        let mut calls = row.calls.iter();
        let (called, _) = calls.find(|(_, frames)| frames.iter().any(|frame| matches(frame)))?;
        Some(Known {
            called,
            advice: row.advice,
        })
    })
}

/// Whether the path is that of `frame`, such as `std Mutex::lock`. The last name may go
/// on with an underscore: `lock` also stands for `lock_contended`.
fn is_at(frame: &str, first: &str, rest: &[&str]) -> bool {
    let (krate, names) = frame.split_once(' ').unwrap_or((frame, ""));
    if krate != first {
        return false;
    }
    if names.is_empty() {
        return true;
    }
    let anchored = names.strip_prefix('^');
    let names: Path<'_> = anchored.unwrap_or(names).split("::").collect();
    let mut windows = rest.windows(names.len());
    if anchored.is_some() {
        return windows.next().is_some_and(|window| begins(window, &names));
    }
    windows.any(|window| begins(window, &names))
}

fn begins(window: &[&str], names: &[&str]) -> bool {
    let (Some((end, start)), Some((last, before))) = (window.split_last(), names.split_last())
    else {
        return false;
    };
    let goes_on = end
        .strip_prefix(last)
        .is_some_and(|rest| rest.starts_with('_'));
    (same(end, last) || goes_on) && start.iter().zip(before).all(|(a, b)| same(a, b))
}

/// A type stands for the module of its file too: without types in symbols, `mutex::lock`
/// is all that is left of `Mutex::lock`.
fn same(a: &str, b: &str) -> bool {
    a == b || a.eq_ignore_ascii_case(b)
}

/// The three faces of the standard library are one to its users.
fn canonical(krate: &str) -> &str {
    match krate {
        "core" | "alloc" => "std",
        other => other,
    }
}

/// `clock_nanosleep` of `__GI___clock_nanosleep`: how the C library names its own.
pub(super) fn plain(symbol: &str) -> &str {
    let mut name = symbol.split('@').next().unwrap_or(symbol);
    loop {
        let bare = name.trim_start_matches('_');
        let rest = ["GI_", "libc_"].iter().find_map(|p| bare.strip_prefix(p));
        match rest {
            Some(rest) => name = rest,
            None => return bare,
        }
    }
}
