//! What a program can notice of the attribute's arguments when it runs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

fn workers() -> usize {
    Handle::current().metrics().num_workers()
}

fn flavor() -> RuntimeFlavor {
    Handle::current().runtime_flavor()
}

#[test]
fn the_default_is_one_worker_a_core() {
    #[loopmon::main]
    async fn program() -> (RuntimeFlavor, usize) {
        (flavor(), workers())
    }
    let reference = tokio::runtime::Runtime::new().unwrap();
    let expected = reference.block_on(async { (flavor(), workers()) });
    assert_eq!(program(), expected);
    assert_eq!(expected.0, RuntimeFlavor::MultiThread);
}

#[test]
fn worker_threads_are_counted() {
    #[loopmon::main(worker_threads = 3)]
    async fn program() -> usize {
        workers()
    }
    assert_eq!(program(), 3);
}

#[test]
fn current_thread_stays_on_the_thread() {
    #[loopmon::main(flavor = "current_thread")]
    async fn program() -> bool {
        let task = tokio::spawn(async { std::thread::current().id() });
        flavor() == RuntimeFlavor::CurrentThread
            && task.await.ok() == Some(std::thread::current().id())
    }
    assert!(program());
}

#[test]
fn local_tasks_need_not_be_send() {
    #[loopmon::main(flavor = "local")]
    async fn program() -> u8 {
        let shared = std::rc::Rc::new(5);
        let task = tokio::task::spawn_local(async move { *shared });
        task.await.unwrap_or_default()
    }
    assert_eq!(program(), 5);
}

#[test]
fn a_paused_clock_jumps() {
    #[loopmon::main(flavor = "current_thread", start_paused = true)]
    async fn program() -> Duration {
        let start = Instant::now();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        start.elapsed()
    }
    let start = std::time::Instant::now();
    assert!(program() >= Duration::from_secs(3600));
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn the_runtime_has_its_name() {
    #[loopmon::main(name = "my-runtime")]
    async fn program() -> Option<String> {
        Handle::current().name().map(str::to_owned)
    }
    assert_eq!(program().as_deref(), Some("my-runtime"));
}

#[test]
fn arguments_and_result_go_through() {
    #[loopmon::main(flavor = "current_thread")]
    async fn program(text: &str) -> Result<u8, std::num::ParseIntError> {
        if text.is_empty() {
            return Ok(0);
        }
        Ok(text.parse::<u8>()? + 1)
    }
    assert_eq!(program("6"), Ok(7));
    assert_eq!(program(""), Ok(0));
    assert!(program("x").is_err());
}

#[test]
fn a_panic_reaches_the_caller() {
    #[loopmon::main(flavor = "current_thread")]
    async fn program() {
        std::panic::panic_any(42_u8);
    }
    let payload = catch_unwind(AssertUnwindSafe(program)).err();
    assert_eq!(payload.and_then(|p| p.downcast_ref().copied()), Some(42_u8));
}

#[test]
fn values_are_dropped_in_the_order_of_an_async_function() {
    use std::cell::RefCell;

    struct Loud<'a>(&'static str, &'a RefCell<Vec<&'static str>>);
    impl Drop for Loud<'_> {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0);
        }
    }
    #[loopmon::main(flavor = "current_thread")]
    async fn program(_a: Loud<'_>, b: Loud<'_>, log: &RefCell<Vec<&'static str>>) -> usize {
        let _local = Loud("local", log);
        let _moved = b;
        Loud("last expression", log).0.len()
    }
    let log = RefCell::default();
    program(Loud("a", &log), Loud("b", &log), &log);
    assert_eq!(*log.borrow(), ["last expression", "b", "local", "a"]);
}

#[cfg(tokio_unstable)]
#[test]
fn a_panic_of_a_task_shuts_the_runtime_down_if_asked_for() {
    #[loopmon::main(flavor = "current_thread", unhandled_panic = "shutdown_runtime")]
    async fn program() {
        tokio::spawn(async { std::panic::panic_any("told to") });
        std::future::pending::<()>().await;
    }
    assert!(catch_unwind(AssertUnwindSafe(program)).is_err());
}
