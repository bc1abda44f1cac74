//! Many captures of threads that do what is hard to interrupt.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::foreign::{Theirs, send_theirs};
use super::places::Spinning;
use super::*;

/// How many captures: 20,000 take less than a minute in release.
fn captures() -> u64 {
    let asked = std::env::var("LOOPMON_TEST_CAPTURES").ok();
    asked.map_or(1000, |number| number.parse().unwrap())
}

static URGENT: AtomicU64 = AtomicU64::new(0);
static QUEUED: AtomicU64 = AtomicU64::new(0);

extern "C" fn count_urgent(_: libc::c_int) {
    URGENT.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn count_queued(_: libc::c_int) {
    QUEUED.fetch_add(1, Ordering::Relaxed);
}

/// Does `work` again and again below a frame that keeps the pattern.
fn again(stop: &AtomicBool, pattern: [u64; 4], mut work: impl FnMut()) {
    let kept = black_box(pattern);
    while !stop.load(Ordering::Relaxed) {
        work();
        black_box(&kept);
    }
}

fn allocate() {
    for size in [16, 1000, 40_000, 2_000_000] {
        black_box(vec![1_u8; black_box(size)]);
    }
}

fn unwind() {
    let caught = std::panic::catch_unwind(|| {
        let _dropped = black_box(vec![1_u8; 100]);
        // Without the hook, which would print.
        std::panic::resume_unwind(Box::new(1));
    });
    assert!(caught.is_err());
}

fn load_library() {
    // SAFETY: the library runs no code of note when it is loaded and unloaded.
    unsafe {
        let library = libc::dlopen(c"libutil.so.1".as_ptr(), libc::RTLD_NOW);
        let other = libc::dlopen(c"libanl.so.1".as_ptr(), libc::RTLD_NOW);
        for library in [library, other] {
            if !library.is_null() {
                libc::dlclose(library);
            }
        }
    }
}

fn start_thread() {
    std::thread::spawn(|| black_box(vec![1_u8; 100]))
        .join()
        .unwrap();
}

fn sleep() {
    std::thread::sleep(Duration::from_micros(50));
}

/// Sends signals that are queued to a thread of its own, so many until it is stopped.
struct Sender {
    stop: Arc<AtomicBool>,
    handle: Option<std::thread::JoinHandle<u64>>,
}

impl Sender {
    fn new(target: ThreadId) -> Self {
        // SAFETY: the handler does only what it may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = count_queued as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(
                libc::SIGRTMIN() + 3,
                &raw const action,
                std::ptr::null_mut(),
            );
        }
        let stop = Arc::new(AtomicBool::new(false));
        let other = Arc::clone(&stop);
        let handle = std::thread::spawn(move || {
            let mut sent = 0;
            while !other.load(Ordering::Relaxed) {
                // SAFETY: these send a signal, which is queued, or fail.
                let queued = unsafe {
                    libc::syscall(
                        libc::SYS_tgkill,
                        libc::getpid(),
                        target.word(),
                        libc::SIGRTMIN() + 3,
                    )
                };
                sent += u64::from(queued == 0);
                std::thread::sleep(Duration::from_micros(200));
            }
            sent
        });
        Self {
            stop,
            handle: Some(handle),
        }
    }

    /// How many it has sent.
    fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.handle.take().unwrap().join().unwrap()
    }
}

/// Whether the stack of a thread holds what only another keeps. Above its end may lie
/// anything, as the memory of earlier captures.
fn holds_others(thread: &Known, mut raw: RawStack, seed: u64) -> bool {
    let stack = thread.stack.clone().unwrap();
    if !stack.contains(&raw.sp) {
        // It waits for memory in a handler, on the stack that is for those.
        return false;
    }
    raw.bytes.truncate((stack.end - raw.sp) as usize);
    let mut others = (100..105).filter(|&other| other != seed);
    others.any(|other| holds(&raw, &pattern(other)))
}

#[test]
fn whatever_threads_do_captures_neither_disturb_them_nor_mix_them_up() {
    if !alone("torture::whatever_threads_do_captures_neither_disturb_them_nor_mix_them_up") {
        return;
    }
    let _theirs = Theirs::set(count_urgent as *const () as usize, libc::SA_RESTART);
    let _session = Session::new();
    let works: [fn(); 5] = [allocate, unwind, load_library, start_thread, sleep];
    let threads: Vec<_> = works
        .into_iter()
        .zip(100..)
        .map(|(work, seed)| Spinning::new(move |stop| again(stop, pattern(seed), work)))
        .collect();
    for (spinning, seed) in threads.iter().zip(100..) {
        spinning.seen(&pattern(seed));
    }
    let sender = Sender::new(threads[0].thread.id);
    let (mut taken, mut urgent) = (0, 0);
    // Now and then too short for any answer, so that some come late.
    let mut patience = [0, 1, 3, 100]
        .map(Duration::from_millis)
        .into_iter()
        .cycle();
    let mut unanswered = 0;
    while taken < captures() {
        for (spinning, seed) in threads.iter().zip(100..) {
            let thread = &spinning.thread;
            let stack = thread.stack.clone().filter(|_| taken % 2 == 0);
            match ask(thread.id, stack, patience.next().unwrap()) {
                Ok(seen) => {
                    assert!(thread.stack.clone().unwrap().contains(&seen.raw.sp));
                    assert!(!holds_others(thread, seen.raw.clone(), seed));
                    assert!(seen.raw.ip != 0 && seen.worker.is_none());
                    assert!(holds(&seen.raw, &pattern(seed)), "{seed}");
                    taken += 1;
                }
                Err(Refusal::NoAnswer | Refusal::Busy) => unanswered += 1,
                Err(refusal) => panic!("{refusal:?}"),
            }
            if let Sight::Asleep(sleep) = look(thread.id) {
                assert!(!holds_others(thread, sleep.raw, seed));
            }
        }
        let target = &threads[1].thread;
        // A handler that is late may hold the one place that a thread has for the signal.
        let before = URGENT.load(Ordering::Relaxed);
        until(|| {
            send_theirs(target, 1);
            (URGENT.load(Ordering::Relaxed) > before).then_some(())
        });
        urgent += 1;
    }
    let sent = sender.stop();
    until(|| (QUEUED.load(Ordering::Relaxed) == sent).then_some(()));
    assert!(URGENT.load(Ordering::Relaxed) >= urgent);
    println!("{taken} captures, {unanswered} without answer, {sent} signals of others");
}
