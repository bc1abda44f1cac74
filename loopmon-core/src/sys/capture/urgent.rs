//! Interrupts one thread by SIGURG, which does nothing by default and is hardly ever used.

use std::io;
use std::mem::{self, MaybeUninit};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};

use libc::{c_int, c_void, siginfo_t};

use super::slot::{self, Question, Registers};
use crate::stack::Why;
use crate::sys::ThreadId;

/// In the upper half of what our signals carry; the question's number is in the lower.
const OURS: u64 = 0x6c6f_6f70; // "loop"

/// Our handler stands, or somebody has put another before it that may call it.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// The program's own action for the signal.
static PREVIOUS: Previous = Previous {
    handler: AtomicUsize::new(libc::SIG_DFL),
    flags: AtomicI32::new(0),
    mask: AtomicU64::new(0),
    spent: AtomicBool::new(false),
};

struct Previous {
    handler: AtomicUsize,
    flags: AtomicI32,
    mask: AtomicU64,
    /// It was for one signal only (`SA_RESETHAND`), which has come.
    spent: AtomicBool,
}

/// While this lives, threads can be interrupted. There is one at most.
pub(crate) struct Installed {
    previous: libc::sigaction,
}

/// Sets the handler, in front of the program's own.
pub(crate) fn install() -> Result<Installed, Why> {
    if INSTALLED.swap(true, Ordering::AcqRel) {
        return Err(Why::Taken);
    }
    slot::prefault();
    set_handler().inspect_err(|_| INSTALLED.store(false, Ordering::Release))
}

fn set_handler() -> Result<Installed, Why> {
    // Noted before ours is there, since ours passes signals on to it.
    let present = action().map_err(Why::Os)?;
    PREVIOUS.spent.store(false, Ordering::Relaxed);
    PREVIOUS.note(&present);
    let mut ours = present;
    ours.sa_sigaction = on_urgent as *const () as usize;
    // The program's calls are not cut short, unless it wants them to be.
    let restart = if is_handler(&present) {
        present.sa_flags & libc::SA_RESTART
    } else {
        libc::SA_RESTART
    };
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | restart;
    let mut previous = present;
    // SAFETY: both actions are initialised. The handler is safe at any instant, and stays
    // where it is.
    let set = unsafe {
        libc::sigfillset(&raw mut ours.sa_mask);
        libc::sigaction(libc::SIGURG, &raw const ours, &raw mut previous)
    };
    if set != 0 {
        return Err(Why::Os(io::Error::last_os_error()));
    }
    PREVIOUS.note(&previous);
    Ok(Installed { previous })
}

impl Drop for Installed {
    fn drop(&mut self) {
        if !is_in_place() {
            // Somebody else's handler stands there, and may call ours for good: installed
            // once more, the two would call each other without end.
            return;
        }
        if PREVIOUS.spent.load(Ordering::Relaxed) {
            self.previous.sa_sigaction = libc::SIG_DFL;
        }
        // SAFETY: the action is the one that the kernel told.
        unsafe { libc::sigaction(libc::SIGURG, &raw const self.previous, std::ptr::null_mut()) };
        INSTALLED.store(false, Ordering::Release);
    }
}

/// Whether there was an installation that nobody has undone.
pub(crate) fn is_installed() -> bool {
    INSTALLED.load(Ordering::Acquire)
}

/// Whether signals still come to our handler first.
pub(crate) fn is_in_place() -> bool {
    action().is_ok_and(|now| now.sa_sigaction == on_urgent as *const () as usize)
}

/// What is done about the signal now.
fn action() -> io::Result<libc::sigaction> {
    let mut now = MaybeUninit::uninit();
    // SAFETY: with no new action, the present one is written to `now` unless an error is
    // reported.
    unsafe {
        if libc::sigaction(libc::SIGURG, std::ptr::null(), now.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(now.assume_init())
    }
}

const fn is_handler(action: &libc::sigaction) -> bool {
    !matches!(action.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN)
}

/// A `siginfo_t` as the kernel takes it, for a signal with a value.
#[repr(C)]
struct Queued {
    signal: c_int,
    errno: c_int,
    code: c_int,
    _padding: c_int,
    pid: libc::pid_t,
    uid: libc::uid_t,
    value: u64,
    _rest: [u64; 12],
}
const _: () = assert!(size_of::<Queued>() == size_of::<siginfo_t>());

/// Interrupts `thread` with a question.
pub(crate) fn send(thread: ThreadId, question: Question) -> io::Result<()> {
    // SAFETY: these take nothing and cannot fail.
    let (pid, uid) = unsafe { (libc::getpid(), libc::getuid()) };
    let queued = Queued {
        signal: libc::SIGURG,
        errno: 0,
        code: libc::SI_QUEUE,
        _padding: 0,
        pid,
        uid,
        value: OURS << 32 | u64::from(question.number()),
        _rest: [0; 12],
    };
    // SAFETY: the kernel reads the structure, which has the size and the layout that it
    // expects. A thread that is gone or not of this process gives an error.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_rt_tgsigqueueinfo,
            pid,
            thread.word(),
            libc::SIGURG,
            &raw const queued,
        )
    };
    if sent == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The handler: it may come between any two instructions of any thread.
unsafe extern "C" fn on_urgent(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: every thread has an `errno`, which nobody else touches.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the kernel passes both, and they live as long as the call.
    unsafe {
        match question(&*info) {
            Some(question) => question.answer(registers(&*context.cast())),
            None => PREVIOUS.call(signal, info, context),
        }
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// The question that a signal brings; `None` if the signal is not ours.
fn question(info: &siginfo_t) -> Option<Question> {
    if info.si_code != libc::SI_QUEUE {
        return None;
    }
    // SAFETY: a signal of this code carries a value.
    let value = unsafe { info.si_value() }.sival_ptr as u64;
    // With ours taken off, nothing is left above the number.
    let number = u32::try_from(value ^ OURS << 32).ok()?;
    Some(Question::from_number(number))
}

fn registers(context: &libc::ucontext_t) -> Registers {
    let register = |number| {
        let word = context.uc_mcontext.gregs.get::<usize>(number);
        word.map_or(0, |word| word.cast_unsigned())
    };
    Registers {
        ip: register(libc::REG_RIP as usize),
        sp: register(libc::REG_RSP as usize),
        bp: register(libc::REG_RBP as usize),
    }
}

impl Previous {
    fn note(&self, action: &libc::sigaction) {
        self.flags.store(action.sa_flags, Ordering::Relaxed);
        self.mask
            .store(first_word(&action.sa_mask), Ordering::Relaxed);
        self.handler.store(action.sa_sigaction, Ordering::Release);
    }

    /// Does with a signal what the kernel would do if our handler were not there.
    ///
    /// # Safety
    ///
    /// The arguments are those of the handler.
    unsafe fn call(&self, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        let handler = self.handler.load(Ordering::Acquire);
        let flags = self.flags.load(Ordering::Relaxed);
        if matches!(handler, libc::SIG_DFL | libc::SIG_IGN)
            || (flags & libc::SA_RESETHAND != 0 && self.spent.swap(true, Ordering::Relaxed))
        {
            return;
        }
        // SAFETY: the context is the handler's. The program has given the kernel this
        // handler, with flags that tell which of two forms it has.
        unsafe {
            self.set_mask(&*context.cast());
            if flags & libc::SA_SIGINFO == 0 {
                mem::transmute::<usize, unsafe extern "C" fn(c_int)>(handler)(signal);
            } else {
                type WithInfo = unsafe extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
                mem::transmute::<usize, WithInfo>(handler)(signal, info, context);
            }
        }
    }

    /// Blocks what the program wants to be blocked in its handler, and no more. When
    /// ours returns, the mask of the interrupted code is back.
    fn set_mask(&self, context: &libc::ucontext_t) {
        let mut mask = first_word(&context.uc_sigmask) | self.mask.load(Ordering::Relaxed);
        if self.flags.load(Ordering::Relaxed) & libc::SA_NODEFER == 0 {
            mask |= 1 << (libc::SIGURG - 1);
        }
        // SAFETY: the kernel reads one word.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                libc::SIG_SETMASK,
                &raw const mask,
                std::ptr::null_mut::<u64>(),
                size_of_val(&mask),
            );
        }
    }
}

/// The kernel has 64 signals; libc's set has room for more, which the kernel does not
/// write.
fn first_word(set: &libc::sigset_t) -> u64 {
    // SAFETY: a set is an array of words of 64 bits.
    unsafe { (&raw const *set).cast::<u64>().read() }
}
