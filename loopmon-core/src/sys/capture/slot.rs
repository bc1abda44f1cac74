//! The one place where a thread that was interrupted leaves its answer. Who asks and who
//! answers share one word; whoever holds the slot by it owns all the rest.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::Id;

use super::memory::copy_own;
use crate::stack::{OnCpu, RawStack};
use crate::sys::ThreadId;

/// How much of a stack is copied.
const MOST: usize = 64 * 1024;

/// Nobody uses it.
const IDLE: u32 = 0;
/// The thread may answer.
const ASKED: u32 = 1;
/// One thread reads or writes what is in it.
const HELD: u32 = 2;
/// The answer is there.
const ANSWERED: u32 = 3;
/// The phase stands in the two lowest bits of the word, the number of the question above.
const PHASE_BITS: u32 = 2;
const PHASE: u32 = (1 << PHASE_BITS) - 1;

/// Zeroes, so it takes no room in the program's file.
static SLOT: Slot = Slot {
    word: AtomicU32::new(IDLE),
    thread: AtomicU32::new(0),
    stack_start: AtomicU64::new(0),
    stack_end: AtomicU64::new(0),
    head: UnsafeCell::new(MaybeUninit::zeroed()),
    bytes: UnsafeCell::new([0; MOST]),
};

struct Slot {
    /// Number and phase of the question. Each question has another number, so a late
    /// answer finds a word that is not the one it was asked with.
    word: AtomicU32,
    thread: AtomicU32,
    /// The stack of the thread, where its bounds are known; else both are 0.
    stack_start: AtomicU64,
    stack_end: AtomicU64,
    head: UnsafeCell<MaybeUninit<Head>>,
    bytes: UnsafeCell<[u8; MOST]>,
}

// SAFETY: `head` and `bytes` are touched only by the one thread that has set the word to
// HELD by a successful exchange, until it stores another phase with release. All else is
// atomic.
unsafe impl Sync for Slot {}

/// What a thread tells of itself.
#[derive(Clone, Copy)]
struct Head {
    worker: Option<usize>,
    task: Option<Id>,
    registers: Registers,
    length: usize,
}

/// Of the code that was interrupted.
#[derive(Clone, Copy)]
pub(super) struct Registers {
    pub(super) ip: u64,
    pub(super) sp: u64,
    pub(super) bp: u64,
}

/// A question that is out.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    /// Its number, in the bits above the phase.
    number: u32,
}

/// What has become of a question.
pub(crate) enum Outcome {
    Answered(OnCpu),
    /// The thread has not begun to answer, and never will.
    NoAnswer,
    /// It is about to: the slot is its until it has.
    Busy,
}

impl Question {
    /// Asks `thread`; `None` while somebody still writes an earlier answer.
    pub(crate) fn put(thread: ThreadId, stack: Option<Range<u64>>) -> Option<Self> {
        let before = SLOT.word.load(Ordering::Relaxed);
        if !matches!(before & PHASE, IDLE | ANSWERED) {
            return None;
        }
        // An answer that nobody has taken came too late.
        let number = (before & !PHASE).wrapping_add(1 << PHASE_BITS);
        exchange(before, number | HELD)?;
        let stack = stack.unwrap_or(0..0);
        SLOT.thread.store(thread.word(), Ordering::Relaxed);
        SLOT.stack_start.store(stack.start, Ordering::Relaxed);
        SLOT.stack_end.store(stack.end, Ordering::Relaxed);
        SLOT.word.store(number | ASKED, Ordering::Release);
        Some(Self { number })
    }

    /// What the signal must carry.
    pub(super) fn number(self) -> u32 {
        self.number
    }

    /// The question that a signal carries.
    pub(super) fn from_number(number: u32) -> Self {
        Self {
            number: number & !PHASE,
        }
    }

    /// Waits for the answer, but not longer than `patience`.
    pub(crate) fn wait(self, patience: Duration) -> Outcome {
        let start = Instant::now();
        loop {
            let word = SLOT.word.load(Ordering::Acquire);
            let left = patience.saturating_sub(start.elapsed());
            if word == self.number | ANSWERED {
                return self.take();
            } else if left.is_zero() {
                return self.abandon();
            }
            futex_wait(&SLOT.word, word, left);
        }
    }

    /// No thread begins to answer from now on.
    pub(crate) fn abandon(self) -> Outcome {
        match exchange(self.number | ASKED, self.number | IDLE) {
            Some(()) => Outcome::NoAnswer,
            None => self.take(),
        }
    }

    fn take(self) -> Outcome {
        let Some(()) = exchange(self.number | ANSWERED, self.number | HELD) else {
            return Outcome::Busy;
        };
        // SAFETY: the slot is held. Its head was written before it was answered.
        let head = unsafe { (*SLOT.head.get()).assume_init() };
        // SAFETY: the slot is held, and the reference ends before it is let go.
        let bytes = unsafe { &*SLOT.bytes.get() };
        let answer = OnCpu {
            worker: head.worker,
            task: head.task,
            raw: RawStack {
                ip: head.registers.ip,
                sp: head.registers.sp,
                bp: Some(head.registers.bp),
                bytes: bytes.get(..head.length).unwrap_or_default().to_vec(),
            },
        };
        SLOT.word.store(self.number | IDLE, Ordering::Release);
        Outcome::Answered(answer)
    }

    /// Called in the signal handler by the thread that was asked. Does nothing if the
    /// question is not out any more, or is another thread's.
    ///
    /// It allocates nothing, takes no lock and can't panic. Both of Tokio's functions copy
    /// one word out of a thread-local, which no interrupted code can have half written:
    ///
    /// - `try_id` copies a `Cell<Option<Id>>` of 64 bits;
    /// - `worker_index` copies the `Cell<EnterRuntime>`, one byte of which each value is
    ///   valid, and the pointer in `Scoped`, which is null or points at the context that
    ///   the interrupted run loop keeps on its stack: it is set after that is built, and
    ///   reset before that goes. From there it reads the index through an `Arc` that never
    ///   changes. It touches none of the `RefCell`s beside them.
    ///
    /// Its thread-local has a destructor, which the first use on a thread registers: that
    /// allocates. So the thread must have been in the runtime before, as each has whose
    /// `on_thread_start` has run, or that polls the future of `block_on`. When the
    /// thread-local is gone already, both return `None`.
    ///
    /// # Safety
    ///
    /// The registers are those that the calling thread was interrupted with.
    pub(super) unsafe fn answer(self, registers: Registers) {
        // SAFETY: it takes nothing and cannot fail.
        let own = unsafe { libc::gettid() }.cast_unsigned();
        let asked = self.number | ASKED;
        // With the right number, thread and stack are the question's: they change only
        // while the slot is held, and then the number changes too.
        if SLOT.word.load(Ordering::Acquire) != asked
            || SLOT.thread.load(Ordering::Relaxed) != own
            || exchange(asked, self.number | HELD).is_none()
        {
            return;
        }
        let head = Head {
            worker: tokio::runtime::worker_index(),
            task: tokio::task::try_id(),
            registers,
            // SAFETY: the slot is held, and this is the thread whose stack it is.
            length: unsafe { copy_stack(registers.sp, SLOT.bytes.get().cast()) },
        };
        // SAFETY: the slot is held.
        unsafe { SLOT.head.get().write(MaybeUninit::new(head)) };
        SLOT.word.store(self.number | ANSWERED, Ordering::Release);
        futex_wake(&SLOT.word);
    }
}

fn exchange(old: u32, new: u32) -> Option<()> {
    let exchanged = SLOT
        .word
        .compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed);
    exchanged.is_ok().then_some(())
}

/// Makes the kernel give the slot its memory, so that no handler has to wait for that.
pub(super) fn prefault() {
    let before = SLOT.word.load(Ordering::Relaxed);
    if before & PHASE != IDLE || exchange(before, before & !PHASE | HELD).is_none() {
        return;
    }
    // SAFETY: the slot is held, and its bytes are MOST. A write of zeroes to zeroes may be
    // left out by the compiler, unless it is volatile.
    unsafe {
        let bytes = SLOT.bytes.get().cast::<u8>();
        for page in (0..MOST).step_by(4096) {
            bytes.add(page).write_volatile(0);
        }
    }
    SLOT.word.store(before, Ordering::Release);
}

/// Copies the calling thread's stack from `sp` up, and returns how much that is.
///
/// # Safety
///
/// `into` is valid for writes of `MOST` bytes. Where the slot names bounds, they are those
/// of the calling thread's stack.
unsafe fn copy_stack(sp: u64, into: *mut u8) -> usize {
    let start = SLOT.stack_start.load(Ordering::Relaxed);
    let end = SLOT.stack_end.load(Ordering::Relaxed);
    if sp < start || sp >= end {
        // Another stack than the thread's own, as of a signal handler or from `stacker`,
        // or that of the first thread. Whatever is missing above is no fault so.
        // SAFETY: as promised.
        return unsafe { copy_own(sp, into, MOST) };
    }
    let words = end.wrapping_sub(sp).min(MOST as u64) as usize / size_of::<u64>();
    // SAFETY: all of the thread's stack is readable from its pointer up, and `into` is
    // large enough.
    unsafe { copy_words(sp, into, words) };
    words.wrapping_mul(size_of::<u64>())
}

/// Copies past the caches. Those of the watchdog's core still hold the last answer, and
/// to take each line from there makes a copy of 21 KiB last 9 µs instead of 2.
///
/// # Safety
///
/// `from` is valid for reads of so many words, `into` for writes. Others may write to
/// the former meanwhile, of which the compiler does not know.
unsafe fn copy_words(from: u64, into: *mut u8, words: usize) {
    // SAFETY: as promised. The fence comes before what tells others of the copy.
    unsafe {
        std::arch::asm!(
            "jmp 3f",
            "2:",
            "mov {word}, [{from} + 8 * {at}]",
            "movnti [{into} + 8 * {at}], {word}",
            "inc {at}",
            "3:",
            "cmp {at}, {words}",
            "jb 2b",
            "sfence",
            at = inout(reg) 0_usize => _,
            from = in(reg) from,
            into = in(reg) into,
            words = in(reg) words,
            word = out(reg) _,
            options(nostack),
        );
    }
}

/// Waits until `word` is not `value` any more; at most for `patience`, or less.
fn futex_wait(word: &AtomicU32, value: u32, patience: Duration) {
    let patience = libc::timespec {
        tv_sec: patience.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel reads the word and the time, both of which are valid.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation,
            value,
            &raw const patience,
        );
    }
}

/// May change `errno`.
fn futex_wake(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel takes the word only for its address.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) };
}
