//! What a look at a sleeper tells.

use std::os::fd::AsRawFd as _;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::calls::{pipe, read_one, write_one};
use super::*;

#[test]
fn what_a_sleeper_keeps_on_its_stack_is_read() {
    let (reader, writer) = pipe();
    let (thread, handle) = spawn(move || {
        let kept = std::hint::black_box(pattern(11));
        read_one(reader.as_raw_fd()).unwrap();
        std::hint::black_box(&kept)[0]
    });
    let sleep = thread.sleep_in(libc::SYS_read);
    let raw = &sleep.raw;
    assert!(holds(raw, &pattern(11)) && !holds(raw, &pattern(12)));
    assert!(thread.stack.unwrap().contains(&raw.sp));
    assert!(raw.bytes.len() <= 64 * 1024);
    write_one(writer.as_raw_fd());
    handle.join().unwrap();
}

#[test]
fn two_sleeps_of_the_same_call_differ() {
    let (reader, writer) = pipe();
    let (thread, handle) = spawn(move || {
        for _ in 0..10 {
            read_one(reader.as_raw_fd()).unwrap();
        }
    });
    let mut seen = vec![thread.sleep_in(libc::SYS_read).switches.unwrap()];
    for _ in 1..10 {
        write_one(writer.as_raw_fd());
        let next = until(|| {
            let now = thread.sleep_in(libc::SYS_read).switches.unwrap();
            (now != *seen.last().unwrap()).then_some(now)
        });
        seen.push(next);
    }
    assert!(
        seen.is_sorted_by(|before, after| before < after),
        "{seen:?}"
    );
    write_one(writer.as_raw_fd());
    handle.join().unwrap();
}

#[test]
fn the_stack_and_the_call_are_of_the_same_sleep() {
    #[inline(never)]
    fn keeping(seed: u64, wait: impl FnOnce()) {
        let kept = std::hint::black_box(pattern(seed));
        wait();
        std::hint::black_box(&kept);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let other = Arc::clone(&stop);
    let (thread, handle) = spawn(move || {
        let time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 1000,
        };
        while !other.load(Ordering::Relaxed) {
            // SAFETY: the time is valid, and there is nothing to wait for but that.
            keeping(13, || unsafe {
                libc::syscall(libc::SYS_nanosleep, &raw const time, ptr::null_mut::<()>());
            });
            // SAFETY: as above.
            keeping(14, || unsafe {
                libc::ppoll(ptr::null_mut(), 0, &raw const time, ptr::null());
            });
        }
    });
    for _ in 0..2000 {
        let sleep = thread.sleep();
        let (own, others) = match sleep.syscall.map(libc::c_long::from) {
            Some(libc::SYS_nanosleep) => (13, 14),
            Some(libc::SYS_ppoll) => (14, 13),
            _ => continue,
        };
        assert!(holds(&sleep.raw, &pattern(own)));
        assert!(!holds(&sleep.raw, &pattern(others)));
    }
    stop.store(true, Ordering::Relaxed);
    handle.join().unwrap();
}

#[test]
fn a_thread_that_computes_runs_and_one_that_has_ended_is_gone() {
    let stop = Arc::new(AtomicBool::new(false));
    let other = Arc::clone(&stop);
    let (thread, handle) = spawn(move || while !other.load(Ordering::Relaxed) {});
    until(|| matches!(look(thread.id), Sight::Running).then_some(()));
    stop.store(true, Ordering::Relaxed);
    handle.join().unwrap();
    until(|| matches!(look(thread.id), Sight::Gone).then_some(()));
}
