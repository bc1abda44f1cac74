//! What the operating system and Tokio know of this process.

use std::{fs, io};

/// What each open descriptor refers to, sorted. Numbers of sockets and the like are
/// left out, so that two lists can be compared.
pub(crate) fn descriptors() -> Vec<String> {
    let mut open: Vec<String> = fs::read_dir("/proc/self/fd")
        .expect("the list of descriptors")
        // The descriptor that reads this list is gone when its turn comes.
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .filter(|target| !target.starts_with("/proc/"))
        .map(|target| match target.split_once(":[") {
            Some((kind, _number)) => kind.to_owned(),
            None => target,
        })
        .collect();
    open.sort();
    open
}

/// The names of all threads, sorted. Of each the first fifteen bytes.
pub(crate) fn threads() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir("/proc/self/task")
        .expect("the list of threads")
        // A thread may end meanwhile.
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .collect();
    names.sort();
    names
}

/// Tasks of the current runtime, ours included.
pub(crate) fn alive_tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

/// Waits until the test lets the program go on.
pub(crate) async fn stdin_ends() {
    let read = || io::copy(&mut io::stdin(), &mut io::sink());
    let waited = tokio::task::spawn_blocking(read).await;
    waited.expect("no panic").expect("standard input");
}
