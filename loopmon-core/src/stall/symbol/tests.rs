use super::*;

fn name(symbol: &str) -> String {
    Symbol::read(symbol).name()
}

#[test]
fn a_function_is_named_as_its_author_wrote_it() {
    for (symbol, expected) in [
        ("myapp::config::load", "myapp::config::load"),
        (
            "myapp::config::load::h0123456789abcdef",
            "myapp::config::load",
        ),
        ("myapp::handle::{{closure}}", "myapp::handle"),
        ("myapp::handle::{closure#0}::{closure#1}", "myapp::handle"),
        ("myapp::handle::{async_fn_env#0}", "myapp::handle"),
        ("myapp::handle::<myapp::Config>", "myapp::handle"),
        ("myapp::Pool<T>::get", "myapp::Pool<T>::get"),
        (
            "<myapp::Pool<myapp::Config>>::get",
            "myapp::Pool<Config>::get",
        ),
        (
            "<myapp::Pool<alloc::vec::Vec<alloc::boxed::Box<dyn myapp::Job>>> as myapp::Get>::get",
            "myapp::Pool<Vec<Box<…>>>::get",
        ),
        (
            "<myapp::A as core::ops::drop::Drop>::drop",
            "myapp::A::drop",
        ),
        ("<&mut myapp::A as std::io::Read>::read", "myapp::A::read"),
        (
            "myapp::io::<impl std::io::Read for myapp::A>::read",
            "myapp::A::read",
        ),
        (
            "<alloc::vec::Vec<u8> as myapp::Ext>::go",
            "<Vec<u8> as myapp::Ext>::go",
        ),
        ("<T as myapp::Ext>::go", "<T as myapp::Ext>::go"),
        (
            "<myapp::A<fn(u8) -> u8>>::go::{closure#0}",
            "myapp::A<fn(u8) -> u8>::go",
        ),
        (
            "core::ptr::drop_in_place<myapp::Guard>",
            "core::ptr::drop_in_place<Guard>",
        ),
        ("load", "load"),
        ("run<alloc::string::String>", "run"),
        ("__GI___clock_nanosleep", "__GI___clock_nanosleep"),
        ("{async_fn#0}", ""),
        ("{closure_env#0}<myapp::A>", ""),
    ] {
        assert_eq!(name(symbol), expected, "{symbol}");
    }
}

#[test]
fn the_crate_is_that_of_the_module_the_type_or_the_trait() {
    for (symbol, expected) in [
        ("myapp::config::load", &["myapp"][..]),
        ("<myapp::A as core::ops::Drop>::drop", &["myapp", "core"]),
        (
            "<alloc::vec::Vec<myapp::A> as myapp::Ext>::go",
            &["alloc", "myapp"],
        ),
        ("core::slice::<impl [T]>::sort", &["core"]),
        ("<[u64]>::sort", &[]),
        ("<T as myapp::Ext>::go", &["myapp"]),
        ("core::ptr::drop_in_place<myapp::Guard>", &["core"]),
        ("tokio::runtime::Core<myapp::task, u8>::poll", &["tokio"]),
        ("nanosleep", &[]),
    ] {
        let crates: Vec<_> = Symbol::read(symbol).crates().collect();
        assert_eq!(crates, expected, "{symbol}");
    }
}

#[test]
fn a_tasks_type_is_found_inside_the_runtimes_frames() {
    let mine = |name: &str| name == "myapp";
    for (symbol, expected) in [
        (
            "<tokio::runtime::task::harness::Harness<myapp::serve::handle::{async_fn_env#0}, \
             alloc::sync::Arc<tokio::Handle>>>::poll",
            Some("myapp::serve::handle"),
        ),
        (
            "tokio::task::Core<tracing::Instrumented<<myapp::A>::run::{closure#0}>>::poll",
            Some("myapp::A"),
        ),
        ("tokio::task::Core<T,S>::poll", None),
        ("tokio::task::Core<not_myapp::x, other::myapp::y>", None),
    ] {
        assert_eq!(mentioned(symbol, mine).as_deref(), expected, "{symbol}");
    }
}

/// A cheap source of the same weird strings in each run.
fn weird(seed: u64) -> String {
    const PIECES: [&str; 24] = [
        "<",
        ">",
        "::",
        " as ",
        " for ",
        "impl ",
        "{",
        "}",
        "{closure#0}",
        "{{closure}}",
        "(",
        ")",
        "[",
        "]",
        "&",
        "'a ",
        "->",
        ", ",
        "é",
        "…",
        "myapp",
        "core",
        "T",
        "dyn ",
    ];
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::new();
    for _ in 0..seed % 90 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(PIECES[(state % 24) as usize]);
    }
    text
}

#[test]
fn whatever_a_symbol_is_its_name_is_short_and_the_same_each_time() {
    for seed in 0..5_000 {
        let symbol = weird(seed);
        let read = Symbol::read(&symbol);
        let name = read.name();
        assert!(name.chars().count() <= LONGEST, "{symbol}");
        assert_eq!(name, Symbol::read(&symbol).name());
        let _all_survive = (read.path(), read.crates().count(), read.is_shim());
        let _too = mentioned(&symbol, |name| name == "myapp");
    }
    let long = "a::".repeat(10_000) + "é";
    assert_eq!(name(&long).chars().count(), LONGEST);
    let deep = "A<".repeat(10_000);
    assert!(name(&deep).chars().count() <= LONGEST);
}
