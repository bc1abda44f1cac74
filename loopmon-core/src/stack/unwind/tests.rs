use std::cell::Cell;
use std::hint::black_box;
use std::io::{self, Read as _};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::sys::{ThreadId, own_calls, read_own};

/// For as long as the tests may ever take.
const FOREVER: Duration = Duration::from_secs(3600);

fn objects() -> Objects {
    let mut objects = Objects::new();
    objects.refresh();
    objects
}

/// What the kernel says of a thread that sleeps in a system call: where the stack ends and
/// where it will return to.
fn asleep(thread: ThreadId) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{}/syscall", thread.word()));
    let text = text.unwrap();
    let mut numbers = text
        .split_whitespace()
        .rev()
        .map_while(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    let (ip, sp) = (numbers.next()?, numbers.next()?);
    Some((ip, sp))
}

/// The stack of a sleeping thread, copied twice the same.
fn copy(thread: ThreadId, length: usize) -> RawStack {
    let start = Instant::now();
    loop {
        assert!(start.elapsed().as_secs() < 20, "it never falls asleep");
        let Some((ip, sp)) = asleep(thread) else {
            thread::yield_now();
            continue;
        };
        let mut bytes = vec![0; length];
        let copied = read_own(sp, &mut bytes);
        bytes.truncate(copied);
        if asleep(thread) == Some((ip, sp)) {
            return RawStack {
                ip,
                sp,
                bp: None,
                bytes,
            };
        }
    }
}

/// Starts a thread that goes through `calls` to `wait`, and returns what it was in before
/// it waits, and itself.
fn sleeper(calls: Calls, wait: impl FnOnce() + Send + 'static) -> (Vec<u64>, ThreadId) {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let wait = Cell::new(Some(wait));
        calls(
            &|| {
                let calls = own_calls();
                tell.send((calls, ThreadId::current().unwrap())).unwrap();
                wait.take().unwrap()();
            },
            5,
        );
    });
    told.recv().unwrap()
}

/// What leaves frames of some size, full of old addresses.
#[inline(never)]
fn plain(wait: &dyn Fn(), depth: u32) {
    let room = black_box([0_u64; 40]);
    if depth == 0 {
        wait();
    } else {
        plain(wait, depth - 1);
    }
    black_box(room);
}

/// Such a frame begins at a place that only the frame pointer tells.
#[inline(never)]
fn aligned(wait: &dyn Fn(), depth: u32) {
    #[repr(align(64))]
    struct Line([u8; 256]);
    let line = black_box(Line([1; 256]));
    if depth == 0 {
        wait();
    } else {
        black_box(aligned as fn(&dyn Fn(), u32))(wait, depth - 1);
    }
    black_box(line.0);
}

/// Waits in a frame that holds what an earlier call might have left: the place of this very
/// frame, and where a call through a pointer returned to. As if that had been its caller.
#[inline(never)]
fn littered(wait: &dyn Fn(), depth: u32) {
    let left = Cell::new(0);
    aligned(&|| left.set(own_calls()[1]), depth);
    covering(wait, left.get());
}

#[inline(never)]
fn covering(wait: &dyn Fn(), left: u64) {
    #[repr(align(64))]
    struct Litter([u64; 8]);
    let mut litter = Litter([0; 8]);
    let (start, caller) = (&raw const litter as u64, own_calls()[1]);
    let mut above = vec![0; 4096];
    read_own(start, &mut above);
    // Local variables hold it as well, further in.
    let mut words = above.chunks_exact(8);
    let place = words.rposition(|word| word == caller.to_le_bytes());
    let returns_at = start + 8 * place.unwrap() as u64;
    litter.0 = [returns_at - 8, left, 0, 0, 0, 0, 0, 0];
    let litter = black_box(litter);
    wait();
    black_box(litter.0);
}

/// Keeps what it was called from on its stack, as one who has just panicked or told a
/// backtrace: in a frame that only the frame pointer leads out of.
#[inline(never)]
fn remembering(wait: &dyn Fn(), depth: u32) {
    #[repr(align(64))]
    struct Remembered([u64; 64]);
    let mut remembered = Remembered([0; 64]);
    for (place, call) in remembered.0.iter_mut().zip(own_calls()) {
        *place = call;
    }
    let remembered = black_box(remembered);
    if depth == 0 {
        wait();
    } else {
        remembering(wait, depth - 1);
    }
    black_box(remembered.0);
}

/// Goes so many calls deep, and waits.
type Calls = fn(&dyn Fn(), u32);

const CALLS: [Calls; 4] = [plain, aligned, littered, remembering];

type Wait = Box<dyn FnOnce() + Send>;

/// All that a program can sleep in, each by another way through std and libc.
fn waits() -> Vec<(&'static str, Wait)> {
    let mut waits = Vec::<(&'static str, Wait)>::new();
    waits.push(("clock_nanosleep", Box::new(|| thread::sleep(FOREVER))));
    waits.push(("futex of park", Box::new(thread::park)));
    waits.push((
        "futex with a timeout",
        Box::new(|| thread::park_timeout(FOREVER)),
    ));
    waits.push((
        "futex of a lock",
        Box::new(|| {
            let lock = Arc::new(Mutex::new(()));
            std::mem::forget(lock.lock());
            drop(lock.lock());
        }),
    ));
    waits.push((
        "futex of a condition",
        Box::new(|| {
            let lock = Mutex::new(());
            drop(Condvar::new().wait(lock.lock().unwrap()));
        }),
    ));
    waits.push((
        "a channel",
        Box::new(|| {
            let (_kept, received) = mpsc::channel::<()>();
            let _never = received.recv();
        }),
    ));
    waits.push((
        "read",
        Box::new(|| {
            let (mut reader, _kept) = io::pipe().unwrap();
            let _never = reader.read(&mut [0]);
        }),
    ));
    waits.push((
        "accept4",
        Box::new(|| {
            let directory = std::env::temp_dir();
            let path = directory.join(format!("loopmon-unwind-{}", std::process::id()));
            let listener = UnixListener::bind(&path).unwrap();
            std::fs::remove_file(path).unwrap();
            let _never = listener.accept();
        }),
    ));
    waits.push((
        "poll and wait4, of a child",
        Box::new(|| {
            let mut command = Command::new("cat");
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let _kept = child.stdin.take();
            let _never = child.wait_with_output();
        }),
    ));
    waits.push((
        "epoll_wait, of Tokio",
        Box::new(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(std::future::pending::<()>());
        }),
    ));
    waits
}

/// The callers of the function that waits, which both must agree on.
fn outer(unwound: &Unwound, truth: &[u64]) -> Vec<u64> {
    let values = unwound.addresses.iter().map(|address| address.value);
    // The first address of `truth` lies in the closure before it waits.
    values
        .skip_while(|value| Some(value) != truth.get(1))
        .collect()
}

#[test]
fn a_sleeping_thread_is_unwound_to_its_start_in_whatever_it_sleeps() {
    let objects = objects();
    let mut unwinder = Unwinder::new();
    for calls in CALLS {
        for (name, wait) in waits() {
            let (truth, thread) = sleeper(calls, wait);
            let unwound = unwinder.unwind(&copy(thread, 64 << 10), &objects);
            assert!(unwound.complete, "{name}: {unwound:x?}, {truth:x?}");
            assert_eq!(outer(&unwound, &truth), truth[1..], "{name}");
            // At most the call of the system, libc, std and Tokio are further in.
            let inner = unwound.addresses.len() - truth.len();
            assert!((1..60).contains(&inner), "{name}: {inner}");
            assert_eq!(
                unwound
                    .addresses
                    .iter()
                    .filter(|address| !address.is_return)
                    .count(),
                1
            );
        }
    }
}

#[test]
fn of_a_stack_that_was_not_copied_in_full_the_inner_part_is_right_and_not_complete() {
    let objects = objects();
    for calls in CALLS {
        let (truth, thread) = sleeper(calls, thread::park);
        let whole = copy(thread, 64 << 10);
        let mut words = whole.words_from(whole.sp);
        let first = words.find(|(_, word)| Some(word) == truth.last());
        // The copy may end anywhere before what the first function called.
        let room = usize::try_from(first.unwrap().0 - whole.sp).unwrap();
        let mut longest = 0;
        for eighth in 0..=8 {
            let mut part = whole.clone();
            part.bytes.truncate(room * eighth / 8);
            let unwound = Unwinder::new().unwind(&part, &objects);
            assert!(!unwound.complete, "{eighth}: {unwound:x?}");
            let outer = outer(&unwound, &truth);
            assert!(
                truth[1..].starts_with(&outer),
                "{eighth}: {unwound:x?} {truth:x?}"
            );
            longest = longest.max(outer.len());
        }
        assert!(longest > 0, "{truth:x?}");
    }
}
