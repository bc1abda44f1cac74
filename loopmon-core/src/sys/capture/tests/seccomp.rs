//! Processes that may not make all system calls.

use std::sync::atomic::{AtomicI32, Ordering};

use super::places::{Spinning, spin};
use super::*;

/// From now on this call fails on the calling thread, and on those that it starts.
fn forbid(syscall: libc::c_long) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    let mut steps = [
        // The number of the call comes first.
        step(LOAD, 0, 0),
        step(IF_EQUAL, 1, u32::try_from(syscall).unwrap()),
        step(
            RETURN,
            0,
            libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned(),
        ),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: 4,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: the program is valid, and has so many steps.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program),
            0
        );
    }
}

#[test]
fn where_signals_may_not_be_sent_the_refusal_says_so() {
    if !alone("seccomp::where_signals_may_not_be_sent_the_refusal_says_so") {
        return;
    }
    let _session = Session::new();
    let spinning = Spinning::new(|stop| spin(stop, pattern(30)));
    spinning.seen(&pattern(30));
    forbid(libc::SYS_rt_tgsigqueueinfo);
    for _ in 0..3 {
        match ask(spinning.thread.id, None, LONG) {
            Err(Refusal::NotSent(error)) => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn where_memory_may_not_be_read_a_sleeper_is_unreadable_and_errno_is_what_it_was() {
    if !alone(
        "seccomp::where_memory_may_not_be_read_a_sleeper_is_unreadable_and_errno_is_what_it_was",
    ) {
        return;
    }
    let _session = Session::new();
    forbid(libc::SYS_process_vm_readv);
    let (asleep, handle) = spawn(std::thread::park);
    until(|| matches!(look(asleep.id), Sight::Unreadable(_)).then_some(()));
    handle.thread().unpark();
    handle.join().unwrap();

    let spinning = Spinning::new(|stop| {
        // SAFETY: every thread has an `errno`.
        let errno = unsafe { AtomicI32::from_ptr(libc::__errno_location()) };
        errno.store(4321, Ordering::Relaxed);
        spin(stop, pattern(31));
        assert_eq!(errno.load(Ordering::Relaxed), 4321);
    });
    // A plain copy of a stack whose bounds are known needs no such call.
    spinning.seen(&pattern(31));
    let mut unbounded = spinning.thread.clone();
    unbounded.stack = None;
    assert!(unbounded.on_cpu().raw.bytes.is_empty());
    drop(spinning);
}

#[test]
fn where_no_file_can_be_opened_a_thread_is_not_taken_to_be_gone() {
    if !alone("seccomp::where_no_file_can_be_opened_a_thread_is_not_taken_to_be_gone") {
        return;
    }
    let (asleep, handle) = spawn(std::thread::park);
    asleep.sleep();
    forbid(libc::SYS_openat);
    assert!(matches!(look(asleep.id), Sight::Unreadable(_)));
    handle.thread().unpark();
    handle.join().unwrap();
}
