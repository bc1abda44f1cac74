//! What the table says of stacks of real programs, one for each call.

use crate::stall::captured::{FULL, blamed, stack};

/// One test for each row: the function that is blamed, what it called, and what to use.
macro_rules! rows {
    ($($name:ident: $function:literal called $called:expr, use $advice:expr;)*) => {
        $(#[test]
        fn $name() {
            for (build, stacks) in FULL {
                let culprit = blamed(&stack(stacks, stringify!($name)));
                let called: Option<&str> = $called;
                let advice: Option<&str> = $advice;
                assert_eq!(culprit.called.as_deref(), called, "{build}");
                match advice {
                    Some(advice) => assert!(culprit.advice.unwrap().contains(advice), "{build}"),
                    None => assert_eq!(culprit.advice, None, "{build}"),
                }
                let expected = format!("myapp::config::{}", $function);
                // What is called last may be jumped to: then the caller's caller is left.
                let left = [&*expected, "myapp::table", "myapp::handle"];
                assert!(left.contains(&&*culprit.function), "{build}: {}", culprit.function);
                assert_eq!(culprit.task.as_deref(), Some("myapp::request"), "{build}");
                assert!(culprit.own && culprit.file.unwrap().starts_with("src/"), "{build}");
            }
        })*
    };
}

rows! {
    sleep: "load" called Some("std::thread::sleep"), use Some("tokio::time::sleep");
    spin: "hash" called None, use None;
    sum: "sum" called None, use None;
    sort: "sort" called Some("a sort"), use Some("spawn_blocking");
    fifo_read: "fifo_read" called Some("std::fs::File::read"), use Some("tokio::fs");
    fifo_open: "fifo_open" called Some("std::fs::File::open"), use Some("tokio::fs");
    fs_read: "fs_read" called Some("std::fs::read"), use Some("tokio::fs");
    fs_metadata: "fs_metadata" called Some("std::fs::metadata"), use Some("tokio::fs");
    fs_readdir: "fs_readdir" called Some("std::fs::read_dir"), use Some("tokio::fs");
    file_sync: "file_sync" called Some("std::fs::File::sync_all"), use Some("tokio::fs");
    tcp_accept: "tcp_accept" called Some("std::net::TcpListener::accept"), use Some("tokio::net");
    tcp_read: "tcp_read" called Some("a read from a socket"), use Some("tokio::net");
    tcp_write: "tcp_write" called Some("a write to a socket"), use Some("tokio::net");
    tcp_connect: "tcp_connect" called Some("std::net::TcpStream::connect"), use Some("tokio::net");
    udp_recv: "udp_recv" called Some("a read from a socket"), use Some("tokio::net");
    unix_read: "unix_read" called Some("a read from a socket"), use Some("tokio::net");
    dns: "dns" called Some("std::net::ToSocketAddrs"), use Some("lookup_host");
    mutex: "mutex" called Some("std::sync::Mutex::lock"), use Some("tokio::sync::Mutex");
    rwlock_read: "rwlock_read" called Some("std::sync::RwLock::read"), use Some("RwLock");
    rwlock_write: "rwlock_write" called Some("std::sync::RwLock::write"), use Some("RwLock");
    condvar: "condvar" called Some("std::sync::Condvar::wait"), use Some("Notify");
    barrier: "barrier" called Some("std::sync::Barrier::wait"), use Some("tokio::sync::Barrier");
    oncelock: "oncelock" called Some("std::sync::OnceLock::get_or_init"), use Some("OnceCell");
    pl_mutex: "pl_mutex" called Some("parking_lot::Mutex::lock"), use Some("tokio::sync::Mutex");
    pl_rwlock: "pl_rwlock" called Some("parking_lot::RwLock::read"), use Some("RwLock");
    pl_condvar: "pl_condvar" called Some("parking_lot::Condvar::wait"), use Some("Notify");
    mpsc: "mpsc_recv" called Some("std::sync::mpsc::Receiver::recv"), use Some("channel");
    mpsc_timeout: "mpsc_timeout" called Some("std::sync::mpsc::Receiver::recv"), use Some("channel");
    mpsc_send: "mpsc_send" called Some("std::sync::mpsc::SyncSender::send"), use Some("channel");
    crossbeam: "crossbeam" called Some("crossbeam_channel::Receiver::recv"), use Some("channel");
    flume: "flume_recv" called Some("flume::Receiver::recv"), use Some("recv_async");
    block_on: "block_on" called Some("futures::executor::block_on"), use Some("await");
    pollster: "pollst" called Some("pollster::block_on"), use Some("await");
    park: "table" called Some("std::thread::park"), use Some("Notify");
    join: "join" called Some("std::thread::JoinHandle::join"), use Some("spawn_blocking");
    child_wait: "child_wait" called Some("std::process::Child::wait"), use Some("tokio::process");
    child_output: "child_output" called Some("std::process::Command::output"), use Some("tokio::process");
    child_status: "child_status" called Some("std::process::Command::status"), use Some("tokio::process");
    // What reads a pipe and what reads a file is one function to the linker.
    pipe_read: "pipe_read" called Some("read"), use Some("pipe");
    stdin: "stdin_read" called Some("std::io::Stdin"), use Some("thread of its own");
    println: "print" called Some("std::io::Stdout"), use Some("write less");
    flate2: "gzip" called Some("flate2"), use Some("compress");
    lz4: "lz4" called Some("lz4"), use Some("compress");
    json: "json" called Some("serde_json"), use Some("spawn_blocking");
    json_to: "json_to" called Some("serde_json"), use Some("spawn_blocking");
    regex: "regex" called Some("regex"), use Some("compile the pattern once");
    pbkdf2: "pbkdf2" called Some("pbkdf2"), use Some("hash passwords");
    argon2: "argon2" called Some("argon2"), use Some("hash passwords");
    ureq: "http" called Some("ureq"), use Some("reqwest");
    lazylock: "lazylock" called Some("std::sync::LazyLock"), use Some("OnceCell");
    once: "once" called Some("std::sync::Once::call_once"), use Some("OnceCell");
    scope: "scope" called Some("std::thread::scope"), use Some("spawn_blocking");
    crossbeam_send: "crossbeam_send" called Some("crossbeam_channel::Sender::send"), use Some("channel");
    crossbeam_select: "crossbeam_select" called Some("crossbeam_channel::select!"), use Some("channel");
    flume_send: "flume_send" called Some("flume::Sender::send"), use Some("send_async");
    pl_write: "pl_write" called Some("parking_lot::RwLock::write"), use Some("RwLock");
    mpsc_iter: "mpsc_iter" called Some("std::sync::mpsc::Receiver::recv"), use Some("channel");
    child_stdout: "child_stdout" called Some("read"), use Some("pipe");
    file_lock: "file_lock" called Some("std::fs::File::lock"), use Some("tokio::fs");
    fs_read_to_string: "fs_read_to_string" called Some("std::fs::read_to_string"), use Some("tokio::fs");
    fs_copy: "fs_copy" called Some("std::fs::copy"), use Some("tokio::fs");
    buffered: "buffered" called Some("a read from a socket"), use Some("tokio::net");
    unix_accept: "unix_accept" called Some("std::os::unix::net::UnixListener::accept"), use Some("tokio::net");
    select: "libc_poll" called Some("poll"), use Some("AsyncFd");
}

#[test]
fn a_destructor_is_told_by_the_type_that_it_destroys() {
    for (build, stacks) in FULL {
        let culprit = blamed(&stack(stacks, "drop"));
        assert_eq!(&*culprit.function, "myapp::config::Guard::drop", "{build}");
        assert_eq!(culprit.called.as_deref(), Some("std::thread::sleep"));
    }
}

#[test]
fn a_method_is_told_by_its_type_and_not_by_its_trait() {
    let culprit = blamed(&stack(FULL[0].1, "trait"));
    assert_eq!(&*culprit.function, "myapp::config::Pool<T>::run");
}

#[test]
fn a_row_is_not_taken_for_another_whose_name_it_begins() {
    for function in ["read", "read_dir", "read_link", "read_to_string", "write"] {
        let path = ["std", "fs", function].to_vec();
        let called = super::known(&[path]).unwrap().called;
        assert_eq!(called, format!("std::fs::{function}"));
    }
    for function in ["lock", "lock_contended"] {
        let path = ["std", "sys", "sync", "mutex", "futex", "Mutex", function].to_vec();
        assert_eq!(
            super::known(&[path]).unwrap().called,
            "std::sync::Mutex::lock"
        );
    }
    assert_eq!(
        super::known(&[["std", "thread", "sleepless"].to_vec()]),
        None
    );
}

#[test]
fn every_call_in_the_table_has_advice_that_is_one_plain_sentence() {
    for row in super::CALLS.iter().chain(super::SYMBOLS) {
        let advice = row.advice;
        assert!((20..160).contains(&advice.chars().count()), "{advice}");
        assert!(!advice.ends_with('.') && !advice.contains("  "), "{advice}");
        assert!(
            row.calls.iter().all(|(_, frames)| !frames.is_empty()),
            "{advice}"
        );
    }
}
