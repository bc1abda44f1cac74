//! Where a source file lies, by its path in debug information: that tells whose code it is.

/// Whose a source file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// The standard library's, or of a crate built into it.
    Std,
    /// Of a dependency: its package, where the path tells, with `_` for `-` left to do.
    Dependency(Option<&'a str>),
    /// Of another language: the C library, mostly.
    Foreign,
    /// Of none of these places, so of whoever builds the program.
    Local,
}

/// Below these, Cargo and the compiler keep what others wrote.
const STD: [&str; 3] = ["/rustc/", "/lib/rustlib/src/", "/rust/deps/"];
const REGISTRY: &str = "/registry/src/";
const CHECKOUTS: &str = "/git/checkouts/";
const VENDOR: &str = "/vendor/";

pub(super) fn place(file: &str) -> Place<'_> {
    // With paths remapped, these may be where a path begins.
    let at_start = |dir: &str| file.starts_with(dir.trim_start_matches('/'));
    if STD.iter().any(|dir| file.contains(dir) || at_start(dir)) {
        return Place::Std;
    }
    let is_rust = file.rsplit('.').next() == Some("rs");
    if !is_rust {
        return Place::Foreign;
    }
    if let Some(below) = below(file, REGISTRY) {
        // `index-1949cf8c6b5b557f/tokio-1.54.1/src/…`
        return Place::Dependency(below.split('/').nth(1).map(without_version));
    }
    if below(file, CHECKOUTS).is_some() {
        return Place::Dependency(None);
    }
    if let Some(below) = below(file, VENDOR) {
        return Place::Dependency(below.split('/').next().map(without_version));
    }
    Place::Local
}

/// The part of the path that readers need: from the package on.
pub(super) fn short(file: &str) -> &str {
    let in_registry = || below(file, REGISTRY)?.split_once('/').map(|(_, path)| path);
    // `repository-hash/revision/…`
    let in_checkout = || below(file, CHECKOUTS);
    let in_std = || file.split_once("/library/").map(|(_, path)| path);
    let in_std = || (place(file) == Place::Std).then(in_std).flatten();
    in_registry()
        .or_else(in_checkout)
        .or_else(in_std)
        .or_else(|| file.strip_prefix("./"))
        .unwrap_or(file)
}

fn below<'a>(file: &'a str, dir: &str) -> Option<&'a str> {
    let at_start = || file.strip_prefix(dir.trim_start_matches('/'));
    file.split_once(dir)
        .map(|(_, below)| below)
        .or_else(at_start)
}

/// `tokio` of `tokio-1.54.1`.
fn without_version(package: &str) -> &str {
    let is_version = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let mut dashes = package.match_indices('-').map(|(at, _)| at);
    let version = dashes.find(|at| package.get(at + 1..).is_some_and(is_version));
    version.and_then(|at| package.get(..at)).unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKIO: &str = "/home/me/.cargo/registry/src/index-1949cf8c6b5b557f/\
                         tokio-1.54.1/src/runtime/task/core.rs";
    const STD: &str =
        "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/thread/mod.rs";

    #[test]
    fn a_file_is_the_users_own_unless_it_lies_where_others_code_is_kept() {
        for (file, expected) in [
            ("/home/me/app/src/main.rs", Place::Local),
            ("src/main.rs", Place::Local),
            ("/home/me/registry/src.rs", Place::Local),
            (TOKIO, Place::Dependency(Some("tokio"))),
            (
                "/cargo/registry/src/x/serde-json-1.0.0-rc.1/src/de.rs",
                Place::Dependency(Some("serde-json")),
            ),
            (
                "/me/.cargo/git/checkouts/axum-0f/ab12/src/lib.rs",
                Place::Dependency(None),
            ),
            (
                "/home/me/app/vendor/regex/src/lib.rs",
                Place::Dependency(Some("regex")),
            ),
            (
                "vendor/regex-1.0.0/src/lib.rs",
                Place::Dependency(Some("regex")),
            ),
            (STD, Place::Std),
            (
                "/me/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/a.rs",
                Place::Std,
            ),
            ("/rust/deps/hashbrown-0.15.2/src/raw/mod.rs", Place::Std),
            ("./nptl/pthread_mutex_lock.c", Place::Foreign),
            ("/home/me/app/native/hash.c", Place::Foreign),
        ] {
            assert_eq!(place(file), expected, "{file}");
        }
    }

    #[test]
    fn of_a_path_the_part_is_shown_that_tells_files_apart() {
        for (file, expected) in [
            ("src/main.rs", "src/main.rs"),
            ("/home/me/other/src/main.rs", "/home/me/other/src/main.rs"),
            ("./src/main.rs", "src/main.rs"),
            (TOKIO, "tokio-1.54.1/src/runtime/task/core.rs"),
            (STD, "std/src/thread/mod.rs"),
            ("a/library/b.rs", "a/library/b.rs"),
        ] {
            assert_eq!(short(file), expected, "{file}");
        }
    }
}
