use std::cell::Cell;
use std::time::Duration;

/// A thread of this process, as the kernel names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadId(u32);

impl ThreadId {
    /// The calling thread. The kernel is asked once for each: workers ask whenever they
    /// wake.
    pub(crate) fn current() -> Option<Self> {
        thread_local! {
            static CURRENT: Cell<u32> = const { Cell::new(0) };
        }
        Self::from_word(CURRENT.get()).or_else(|| {
            // SAFETY: it takes nothing and cannot fail.
            let id = unsafe { libc::gettid() };
            CURRENT.set(u32::try_from(id).unwrap_or(0));
            Self::from_word(CURRENT.get())
        })
    }

    /// 0 stands for none.
    pub(crate) const fn from_word(word: u32) -> Option<Self> {
        if word == 0 { None } else { Some(Self(word)) }
    }

    pub(crate) const fn word(self) -> u32 {
        self.0
    }

    /// How long it has been on a CPU; `None` if it has ended. No file is read.
    pub(crate) fn cpu_time(self) -> Option<Duration> {
        // The kernel's name of a thread's clock: the complement of its id, and in the low
        // three bits CPUCLOCK_PERTHREAD_MASK (4) and CPUCLOCK_SCHED (2).
        const PER_THREAD_SCHEDULED: libc::clockid_t = 4 | 2;
        let clock = (!self.0).cast_signed() << 3 | PER_THREAD_SCHEDULED;
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is valid for writes, and a clock of a thread that has ended or is
        // not ours gives an error.
        let got = unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
        let seconds = u64::try_from(time.tv_sec).ok()?;
        let nanos = u32::try_from(time.tv_nsec).ok()?;
        got.then(|| Duration::new(seconds, nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_thread_that_computes_gains_cpu_time_and_one_that_waits_does_not() {
        let (tell, told) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn(move || {
            tell.send(ThreadId::current().unwrap()).unwrap();
            std::thread::park();
        });
        let (other, own) = (told.recv().unwrap(), ThreadId::current().unwrap());
        let before = (other.cpu_time().unwrap(), own.cpu_time().unwrap());
        let start = Instant::now();
        let gained = loop {
            let gained = own.cpu_time().unwrap().abs_diff(before.1);
            if gained >= Duration::from_millis(20) || start.elapsed().as_secs() > 20 {
                break gained;
            }
        };
        assert!(gained >= Duration::from_millis(20), "{gained:?}");
        let idle = other.cpu_time().unwrap().abs_diff(before.0);
        assert!(idle < gained / 2, "{idle:?}");
        waiting.thread().unpark();
        waiting.join().unwrap();
    }

    #[test]
    fn a_thread_that_has_ended_has_no_clock() {
        let id = std::thread::spawn(ThreadId::current).join().unwrap();
        let start = Instant::now();
        // `join` returns a moment before the kernel forgets the thread.
        while id.unwrap().cpu_time().is_some() {
            assert!(start.elapsed().as_secs() < 20);
        }
    }
}
