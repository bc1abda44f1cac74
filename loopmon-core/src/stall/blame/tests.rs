use super::*;
use crate::stall::captured::{FULL, LINES_ONLY, NO_DEBUG, NO_DEBUG_V0, blamed, of, own, stack};

const POLL: &str =
    "tokio::runtime::task::core::Core<T,S>::poll\tREG/tokio-1.54.1/src/runtime/task/core.rs\t369";
const BLOCK_ON: &str =
    "tokio::runtime::park::CachedParkThread::block_on\tREG/tokio-1.54.1/src/runtime/park.rs\t285";
const SLEEP: &str = "std::thread::functions::sleep\tSTD/std/src/thread/functions.rs\t289";
const OWN: &str = "myapp::serve::{{closure}}\tsrc/serve.rs\t7";
const MAIN: &str = "myapp::main::{{closure}}\tsrc/main.rs\t3";

fn function_and_task(lines: &[&str]) -> (String, Option<String>) {
    let culprit = blamed(&of(lines));
    (
        culprit.function.to_string(),
        culprit.task.map(|task| task.to_string()),
    )
}

#[test]
fn the_innermost_function_of_the_program_is_blamed_with_its_line() {
    let culprit = blamed(&stack(FULL[1].1, "mutex"));
    assert_eq!(&*culprit.function, "myapp::config::mutex");
    assert_eq!(
        (culprit.file.as_deref(), culprit.line),
        (Some("src/config.rs"), Some(30))
    );
    assert_eq!(culprit.task.as_deref(), Some("myapp::request"));
    assert!(culprit.own && !culprit.truncated);
    assert_eq!(
        &*culprit.stack[1],
        "std::sys::pal::unix::futex::futex_wait at std/src/sys/pal/unix/futex.rs:73"
    );
    assert_eq!(
        &*culprit.stack[5],
        "myapp::config::mutex at src/config.rs:30"
    );
}

#[test]
fn with_lines_only_the_name_lacks_its_path_and_the_rest_is_as_good() {
    for (name, function, called) in [
        ("mutex", "mutex", Some("std::sync::Mutex::lock")),
        ("spin", "hash", None),
        ("drop", "drop", Some("std::thread::sleep")),
        ("tcp_read", "tcp_read", Some("a read from a socket")),
        ("pl_mutex", "pl_mutex", Some("parking_lot::Mutex::lock")),
    ] {
        let culprit = blamed(&stack(LINES_ONLY, name));
        assert_eq!(
            (&*culprit.function, culprit.called.as_deref()),
            (function, called)
        );
        assert_eq!(culprit.file.as_deref(), Some("src/config.rs"));
        assert_eq!(culprit.task.as_deref(), Some("myapp::request"));
        assert!(culprit.own);
    }
}

#[test]
fn without_debug_information_symbols_still_name_what_was_not_inlined() {
    for (build, task) in [(NO_DEBUG, "myapp::handle"), (NO_DEBUG_V0, "myapp::request")] {
        for (name, function, called) in [
            (
                "mutex",
                "myapp::config::mutex",
                Some("std::sync::Mutex::lock"),
            ),
            ("spin", "myapp::config::hash", None),
            (
                "drop",
                "myapp::config::dropping",
                Some("std::thread::sleep"),
            ),
            (
                "tcp_read",
                "myapp::config::tcp_read",
                Some("a read from a socket"),
            ),
            (
                "pl_mutex",
                "myapp::config::pl_mutex",
                Some("parking_lot::Mutex::lock"),
            ),
        ] {
            let culprit = blamed(&stack(build, name));
            assert_eq!(
                (&*culprit.function, culprit.called.as_deref()),
                (function, called)
            );
            assert_eq!((culprit.file, culprit.task.as_deref()), (None, Some(task)));
            assert!(culprit.own);
        }
    }
}

#[test]
fn a_task_that_was_inlined_into_tokios_poll_is_named_by_its_type() {
    let culprit = blamed(&of(&[
        "std::thread::functions::sleep",
        "tokio::runtime::task::raw::poll::<myapp::request::{closure#0}, alloc::sync::Arc<\
         tokio::runtime::scheduler::multi_thread::handle::Handle>>",
    ]));
    assert_eq!(&*culprit.function, "myapp::request");
    assert_eq!(culprit.called.as_deref(), Some("std::thread::sleep"));
    assert!(culprit.own);
}

#[test]
fn the_future_of_main_is_the_task_main() {
    let expected = ("myapp::serve".to_owned(), Some("myapp::main".to_owned()));
    assert_eq!(function_and_task(&[SLEEP, OWN, MAIN, BLOCK_ON]), expected);
}

#[test]
fn nobody_outside_of_the_poll_is_blamed() {
    let dependency = "hyper::conn::run\tREG/hyper-1.0.0/src/conn.rs\t7";
    let expected = (
        "hyper::conn::run".to_owned(),
        Some("hyper::conn::run".to_owned()),
    );
    assert_eq!(
        function_and_task(&[SLEEP, dependency, POLL, BLOCK_ON, MAIN]),
        expected
    );
    let nobody = blame(&of(&[SLEEP, POLL, BLOCK_ON, MAIN]), &own()).unwrap_err();
    assert_eq!(
        &*nobody.reason(),
        "in no function of the program, but in std::thread::functions::sleep"
    );
}

#[test]
fn code_that_spawns_is_not_taken_for_what_it_spawned() {
    let spawning =
        "tokio::runtime::task::core::Cell<T,S>::new\tREG/tokio-1.54.1/src/runtime/task/core.rs\t9";
    let (function, _) = function_and_task(&["malloc", spawning, OWN, POLL]);
    assert_eq!(function, "myapp::serve");
}

#[test]
fn who_waits_for_a_task_is_not_taken_for_its_runtime() {
    let waiting =
        "<tokio::runtime::task::join::JoinHandle<T> as core::future::future::Future>::poll";
    let (function, _) = function_and_task(&["malloc", waiting, OWN, POLL]);
    assert_eq!(function, "myapp::serve");
}

#[test]
fn a_dependency_is_blamed_only_where_no_code_of_the_program_is_left() {
    let client = "ureq::request::Request::call\tREG/ureq-2.12.1/src/request.rs\t79";
    let culprit = blamed(&of(&[SLEEP, client, POLL]));
    assert_eq!(
        (&*culprit.function, culprit.own),
        ("ureq::request::Request::call", false)
    );
    assert_eq!(culprit.file.as_deref(), Some("ureq-2.12.1/src/request.rs"));
    let (function, _) = function_and_task(&[SLEEP, client, OWN, POLL]);
    assert_eq!(function, "myapp::serve");
}

#[test]
fn a_crate_that_is_named_as_own_is_own_wherever_its_files_lie() {
    let stack = of(&[
        SLEEP,
        "our_client::get\tREG/our-client-1.0.0/src/lib.rs\t1",
        OWN,
        POLL,
    ]);
    let own = OwnCode::new(vec!["myapp".into(), "our-client".into()]);
    assert_eq!(&*blame(&stack, &own).unwrap().function, "our_client::get");
}

#[test]
fn tokio_and_loopmon_are_never_blamed_in_whatever_directory() {
    for runtime in [
        "tokio::sync::Mutex<T>::new",
        "loopmon_core::monitor::Monitor::start",
    ] {
        let local = format!("{runtime}\tpatched/src/lib.rs\t1");
        let (function, _) = function_and_task(&[SLEEP, &local, OWN, POLL]);
        assert_eq!(function, "myapp::serve");
    }
}

#[test]
fn generic_code_of_the_library_is_not_the_programs_though_it_names_its_types() {
    for generic in [
        "core::ptr::drop_in_place<myapp::Guard>",
        "__rustc::__rust_alloc",
        "<alloc::vec::Vec<myapp::Guard> as core::ops::drop::Drop>::drop",
        "<myapp::serve::{closure#0} as core::ops::function::FnOnce<()>>::call_once",
        "<myapp::A as core::convert::Into<myapp::B>>::into\tSTD/core/src/convert/mod.rs\t1",
    ] {
        let (function, _) = function_and_task(&[SLEEP, generic, OWN, POLL]);
        assert_eq!(function, "myapp::serve", "{generic}");
    }
}

#[test]
fn without_a_name_the_reason_says_what_to_build() {
    for (lines, reason) in [
        (&[][..], "its stack could not be read"),
        (&[""], "in myapp+0x1234; build with debug = 1"),
        (
            &["nanosleep", "", ""],
            "in myapp+0x1234, called from myapp+0x1234; build with debug = 1",
        ),
        (
            &["nanosleep", "tokio::runtime::task::raw::poll", ""],
            "build with debug = 1",
        ),
    ] {
        let unnamed = blame(&of(lines), &own()).unwrap_err();
        assert_eq!(&*unnamed.reason(), reason);
    }
}

#[test]
fn what_has_no_name_is_told_with_its_build() {
    let with_id = |lines: &[&str]| {
        let mut stack = of(lines);
        for frame in &mut stack.frames {
            frame.build_id = Some("ab01ff".into());
        }
        stack
    };
    let culprit = blamed(&with_id(&["", OWN, POLL]));
    assert_eq!(&*culprit.stack[0], "myapp+0x1234 (build id ab01ff)");
    assert_eq!(&*culprit.stack[1], "myapp::serve at src/serve.rs:7");
    let unnamed = blame(&with_id(&[""; 100]), &own()).unwrap_err();
    let callers = ["myapp+0x1234"; CALLERS].join(", ");
    assert_eq!(
        *unnamed.reason(),
        format!("in myapp+0x1234 (build id ab01ff), called from {callers}; build with debug = 1")
    );
}

#[test]
fn a_stack_that_ends_early_or_is_very_deep_is_marked_and_bounded() {
    let mut stack = of(&[SLEEP, OWN, POLL]);
    stack.complete = false;
    assert!(blamed(&stack).truncated);
    let mut deep = vec![SLEEP];
    deep.extend(std::iter::repeat_n(OWN, 10_000));
    let culprit = blamed(&of(&deep));
    assert!(culprit.truncated && culprit.stack.len() == LINES);
}
