//! Other users of the signal.

use std::sync::atomic::{AtomicU64, Ordering};

use libc::{c_int, c_void, siginfo_t};

use super::places::{Spinning, spin};
use super::*;
use crate::stack::Why;

static PLAIN: AtomicU64 = AtomicU64::new(0);
static WITH_INFO: AtomicU64 = AtomicU64::new(0);
/// What the last handler was told, and which signals were blocked in it.
static VALUE: AtomicU64 = AtomicU64::new(0);
static MASK: AtomicU64 = AtomicU64::new(0);

extern "C" fn plain(signal: c_int) {
    assert_eq!(signal, libc::SIGURG);
    note_mask();
    PLAIN.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn with_info(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    assert!(signal == libc::SIGURG && !context.is_null());
    note_mask();
    // SAFETY: the test sends it with a value.
    let value = unsafe { (*info).si_value().sival_ptr } as u64;
    VALUE.store(value, Ordering::Relaxed);
    WITH_INFO.fetch_add(1, Ordering::Relaxed);
}

fn note_mask() {
    let mut mask = 0_u64;
    // SAFETY: one word is written.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_BLOCK,
            std::ptr::null::<u64>(),
            &raw mut mask,
            8,
        );
    }
    MASK.store(mask, Ordering::Relaxed);
}

const fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// The program's own handler, taken back when this goes.
pub(super) struct Theirs(libc::sigaction);

impl Theirs {
    pub(super) fn set(handler: usize, flags: c_int) -> Self {
        // SAFETY: both actions are initialised, and the handlers do only what they may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler;
            action.sa_flags = flags;
            libc::sigaddset(&raw mut action.sa_mask, libc::SIGUSR2);
            let mut before = std::mem::zeroed();
            assert_eq!(
                libc::sigaction(libc::SIGURG, &raw const action, &raw mut before),
                0
            );
            Self(before)
        }
    }

    fn present() -> usize {
        // SAFETY: the present action is written.
        unsafe {
            let mut now: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGURG, std::ptr::null(), &raw mut now);
            now.sa_sigaction
        }
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // SAFETY: the action is the one that was there before.
        unsafe { libc::sigaction(libc::SIGURG, &raw const self.0, std::ptr::null_mut()) };
    }
}

/// Sends a signal of the program's own to a thread.
pub(super) fn send_theirs(thread: &Known, value: usize) {
    // SAFETY: `siginfo_t` is valid when zeroed; its value stands at byte 24.
    unsafe {
        let mut info: siginfo_t = std::mem::zeroed();
        info.si_signo = libc::SIGURG;
        info.si_code = libc::SI_QUEUE;
        (&raw mut info).cast::<usize>().add(3).write(value);
        let sent = libc::syscall(
            libc::SYS_rt_tgsigqueueinfo,
            libc::getpid(),
            thread.id.word(),
            libc::SIGURG,
            &raw const info,
        );
        assert_eq!(sent, 0);
    }
}

/// Has both ways of use go on at once, and returns how many signals of the program's were
/// sent.
fn mixed(counter: &AtomicU64) -> u64 {
    let spinning = Spinning::new(|stop| spin(stop, pattern(20)));
    let before = counter.load(Ordering::Relaxed);
    for sent in 1..=100 {
        send_theirs(&spinning.thread, 0x1234);
        // The kernel keeps one such signal at a time, so one after the other.
        until(|| (counter.load(Ordering::Relaxed) == before + sent).then_some(()));
        spinning.seen(&pattern(20));
    }
    counter.load(Ordering::Relaxed) - before
}

#[test]
fn a_handler_that_was_there_before_gets_its_signals_and_none_of_ours() {
    type Case = (usize, c_int, &'static AtomicU64);
    let cases: [Case; 2] = [
        (plain as *const () as usize, 0, &PLAIN),
        (
            with_info as *const () as usize,
            libc::SA_SIGINFO,
            &WITH_INFO,
        ),
    ];
    for (handler, flags, counter) in cases {
        let alone = Session::alone();
        let theirs = Theirs::set(handler, flags);
        drop(alone);
        let session = Session::new();
        assert_eq!(mixed(counter), 100);
        assert_eq!(
            MASK.load(Ordering::Relaxed),
            bit(libc::SIGURG) | bit(libc::SIGUSR2),
            "what the program asked for is blocked, and nothing else"
        );
        drop(session.installed);
        assert_eq!(Theirs::present(), handler, "it is back");
        drop(theirs);
    }
    assert_eq!(VALUE.load(Ordering::Relaxed), 0x1234);
}

#[test]
fn a_signal_that_nobody_handles_does_nothing() {
    let _session = Session::new();
    let spinning = Spinning::new(|stop| spin(stop, pattern(21)));
    for _ in 0..100 {
        send_theirs(&spinning.thread, 1);
        spinning.seen(&pattern(21));
    }
}

#[test]
fn a_handler_that_is_set_later_stays_and_nobody_is_interrupted_any_more() {
    let mut session = Session::new();
    let spinning = Spinning::new(|stop| spin(stop, pattern(22)));
    spinning.seen(&pattern(22));
    let theirs = Theirs::set(plain as *const () as usize, 0);
    let before = PLAIN.load(Ordering::Relaxed);
    let answer = ask(spinning.thread.id, None, LONG);
    assert!(matches!(answer, Err(Refusal::Replaced)), "{answer:?}");
    assert_eq!(PLAIN.load(Ordering::Relaxed), before);

    let installed = session.installed.take().unwrap();
    assert!(matches!(install(), Err(Why::Taken)));
    drop(theirs);
    spinning.seen(&pattern(22));
    drop(installed);
    let answer = ask(spinning.thread.id, None, LONG);
    assert!(matches!(answer, Err(Refusal::NotInstalled)), "{answer:?}");
}
