use std::mem::MaybeUninit;

/// Runs `spawn` with every signal blocked on the calling thread, so that the
/// threads it creates inherit that mask: a signal meant for the program must never
/// be delivered to a thread of ours. Programs that wait for signals with `sigwait`
/// rely on no thread taking them.
pub(crate) fn with_signals_blocked<R>(spawn: impl FnOnce() -> R) -> R {
    let _restored_on_drop = Mask::block_all();
    spawn()
}

/// The mask of the calling thread as it was before.
struct Mask(libc::sigset_t);

impl Mask {
    fn block_all() -> Self {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: `sigfillset` initialises `all`; `pthread_sigmask` reads it and
        // initialises `before`. Neither fails with these arguments.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Self(before.assume_init())
        }
    }
}

impl Drop for Mask {
    fn drop(&mut self) {
        // SAFETY: `self.0` is the mask that `pthread_sigmask` reported, and this is
        // the thread it belongs to: a `Mask` never leaves `with_signals_blocked`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(signal: libc::c_int) -> bool {
        let mut mask = MaybeUninit::uninit();
        // SAFETY: a null set only reads the present mask into `mask`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), mask.as_mut_ptr());
            libc::sigismember(mask.as_ptr(), signal) == 1
        }
    }

    #[test]
    fn a_new_thread_takes_no_signal_and_the_caller_keeps_its_mask() {
        let thread = with_signals_blocked(|| std::thread::spawn(|| blocks(libc::SIGTERM)));
        assert!(thread.join().unwrap());
        assert!(!blocks(libc::SIGTERM));
    }
}
