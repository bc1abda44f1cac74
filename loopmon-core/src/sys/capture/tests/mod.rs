//! Captures of real threads. They stand here because they need what only `unsafe` can do:
//! raw system calls, handlers and stacks of their own.
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "C's functions want other integers than they return"
)]

mod calls;
mod foreign;
mod places;
mod seccomp;
mod sleeps;
mod torture;

use std::ops::Range;
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Installed, install, own_stack};
use crate::stack::asleep::look;
use crate::stack::on_cpu::ask;
use crate::stack::{OnCpu, RawStack, Refusal, Sight, Sleep};
use crate::sys::ThreadId;

/// Longer than any thread waits for a core of a busy machine.
const LONG: Duration = Duration::from_secs(60);
/// For one answer.
const PATIENCE: Duration = Duration::from_millis(100);

/// The handler is the process's, so tests that install it come one after another.
struct Session {
    installed: Option<Installed>,
    _alone: MutexGuard<'static, ()>,
}

impl Session {
    fn new() -> Self {
        let alone = Self::alone();
        Self {
            installed: Some(install().unwrap()),
            _alone: alone,
        }
    }

    fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread, as the tests know it.
#[derive(Clone, Debug)]
struct Known {
    id: ThreadId,
    stack: Option<Range<u64>>,
}

impl Known {
    fn own() -> Self {
        Self {
            id: ThreadId::current().unwrap(),
            stack: own_stack(),
        }
    }

    /// Waits for it to be asleep.
    fn sleep(&self) -> Sleep {
        until(|| match look(self.id) {
            Sight::Asleep(sleep) => Some(sleep),
            Sight::Running => None,
            other => panic!("{other:?}"),
        })
    }

    /// Waits for it to be asleep in this system call.
    fn sleep_in(&self, syscall: libc::c_long) -> Sleep {
        let syscall = u32::try_from(syscall).ok();
        until(|| Some(self.sleep()).filter(|sleep| sleep.syscall == syscall))
    }

    /// Interrupts it. The signal is lost where another of its kind is pending.
    fn on_cpu(&self) -> OnCpu {
        until(|| match ask(self.id, self.stack.clone(), PATIENCE) {
            Ok(answer) => Some(answer),
            Err(Refusal::NoAnswer | Refusal::Busy) => None,
            Err(refusal) => panic!("{refusal:?}"),
        })
    }
}

/// Starts a thread, which tells who it is when it begins.
fn spawn<R: Send + 'static>(
    run: impl FnOnce() -> R + Send + 'static,
) -> (Known, std::thread::JoinHandle<R>) {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        tell.send(Known::own()).unwrap();
        run()
    });
    (told.recv().unwrap(), thread)
}

fn until<R>(mut found: impl FnMut() -> Option<R>) -> R {
    let start = Instant::now();
    loop {
        if let Some(result) = found() {
            return result;
        }
        assert!(start.elapsed() < LONG, "waited in vain");
        std::thread::yield_now();
    }
}

/// Whether the words stand next to each other on the stack.
fn holds(raw: &RawStack, pattern: &[u64; 4]) -> bool {
    let words: Vec<_> = raw
        .bytes
        .as_chunks()
        .0
        .iter()
        .copied()
        .map(u64::from_ne_bytes)
        .collect();
    words.windows(4).any(|window| window == pattern)
}

/// Whether this is a process that runs nothing but this test, on its first thread. If
/// not, starts one and waits for its success.
fn alone(test: &str) -> bool {
    const VARIABLE: &str = "LOOPMON_TEST_ALONE";
    if std::env::var_os(VARIABLE).is_some() {
        return true;
    }
    let name = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program)
        .args([&name, "--exact", "--test-threads=1", "--nocapture"])
        .env(VARIABLE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);
    assert!(said.contains("1 passed"), "{said}");
    false
}

/// Words that stand on no other stack.
fn pattern(seed: u64) -> [u64; 4] {
    [1, 2, 3, 4].map(|word| (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ word)
}
