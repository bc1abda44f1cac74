//! Threads on a CPU, wherever their stack is.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Keeps a pattern on the stack and computes until it is told to stop.
#[inline(never)]
pub(super) fn spin(stop: &AtomicBool, pattern: [u64; 4]) {
    let kept = black_box(pattern);
    while !stop.load(Ordering::Relaxed) {
        black_box(&kept);
        std::hint::spin_loop();
    }
}

/// What `run` does, on a thread of its own, until it is told to stop.
pub(super) struct Spinning {
    pub(super) thread: Known,
    stop: Arc<AtomicBool>,
    handle: Option<std::thread::JoinHandle<()>>,
}

impl Spinning {
    pub(super) fn new(run: impl FnOnce(&AtomicBool) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let other = Arc::clone(&stop);
        let (thread, handle) = spawn(move || {
            // So that Tokio has been used on the thread, as on those that are asked.
            let _none = tokio::task::try_id();
            run(&other);
        });
        Self {
            thread,
            stop,
            handle: Some(handle),
        }
    }

    /// Interrupts it until it is where it keeps this pattern.
    pub(super) fn seen(&self, pattern: &[u64; 4]) -> OnCpu {
        until(|| Some(self.thread.on_cpu()).filter(|seen| holds(&seen.raw, pattern)))
    }
}

impl Drop for Spinning {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.handle.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_worker_tells_its_index_its_task_and_its_stack() {
    let _session = Session::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    let tasks = [0, 1, 2].map(|seed| {
        let (stop, tell) = (Arc::clone(&stop), tell.clone());
        runtime.spawn(async move {
            let truth = (
                Known::own(),
                tokio::runtime::worker_index(),
                tokio::task::id(),
            );
            tell.send((truth, seed)).unwrap();
            spin(&stop, pattern(seed));
        })
    });
    for ((thread, worker, task), seed) in told.iter().take(3) {
        assert!(worker.is_some());
        let seen = until(|| Some(thread.on_cpu()).filter(|seen| holds(&seen.raw, &pattern(seed))));
        assert_eq!((seen.worker, seen.task), (worker, Some(task)));
        assert!(seen.raw.bp.is_some());
        assert!(thread.stack.unwrap().contains(&seen.raw.sp));
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn the_future_of_block_on_is_no_task_but_runs_on_a_worker_where_there_is_one_only() {
    let _session = Session::new();
    let spinning = Spinning::new(|stop| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async { spin(stop, pattern(3)) });
    });
    let seen = spinning.seen(&pattern(3));
    assert_eq!((seen.worker, seen.task), (Some(0), None));
}

#[test]
fn inside_block_in_place_there_is_no_worker() {
    let _session = Session::new();
    let spinning = Spinning::new(|stop| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            tokio::task::block_in_place(|| spin(stop, pattern(4)));
        });
    });
    assert_eq!(spinning.seen(&pattern(4)).worker, None);
}

#[test]
fn bounds_known_or_not_the_same_stack_is_seen() {
    let _session = Session::new();
    let spinning = Spinning::new(|stop| spin(stop, pattern(5)));
    let bounded = spinning.seen(&pattern(5)).raw;
    let mut unbounded = spinning.thread.clone();
    unbounded.stack = None;
    let raw = unbounded.on_cpu().raw;
    assert!(holds(&raw, &pattern(5)));
    let end = spinning.thread.stack.clone().unwrap().end;
    assert_eq!(
        bounded.bytes.len() as u64,
        (end - bounded.sp).min(64 * 1024)
    );
    assert!(raw.bytes.len() as u64 >= (end - raw.sp).min(64 * 1024));
}

#[test]
fn a_stack_that_is_not_the_threads_own_is_seen() {
    let _session = Session::new();
    let spinning = Spinning::new(|stop| {
        stacker::grow(128 * 1024, || spin(stop, pattern(7)));
    });
    let raw = spinning.seen(&pattern(7)).raw;
    assert!(!spinning.thread.stack.clone().unwrap().contains(&raw.sp));
}

#[test]
fn the_alternate_stack_of_a_handler_is_seen() {
    static STOP: AtomicBool = AtomicBool::new(false);
    extern "C" fn handler(_: libc::c_int) {
        spin(&STOP, pattern(8));
    }
    let _session = Session::new();
    let spinning = Spinning::new(|_| {
        let mut memory = vec![0_u8; 64 * 1024];
        let stack = libc::stack_t {
            ss_sp: memory.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: memory.len(),
        };
        // SAFETY: the stack lives until it is taken back, and the handler does nothing that
        // a handler may not.
        unsafe {
            let mut before = std::mem::zeroed();
            assert_eq!(libc::sigaltstack(&raw const stack, &raw mut before), 0);
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_ONSTACK;
            libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut());
            libc::raise(libc::SIGUSR1);
            libc::sigaltstack(&raw const before, std::ptr::null_mut());
        }
    });
    let raw = spinning.seen(&pattern(8)).raw;
    assert!(!spinning.thread.stack.clone().unwrap().contains(&raw.sp));
    assert!(raw.bytes.len() > 64);
    STOP.store(true, Ordering::Relaxed);
}

#[test]
fn the_first_thread_of_a_process_is_seen_by_reading_what_is_there() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    static STOP: AtomicBool = AtomicBool::new(false);
    // The first thread waits for the tests to end; a signal makes it compute.
    extern "C" fn handler(_: libc::c_int) {
        let _used = tokio::task::try_id();
        STARTED.store(true, Ordering::Relaxed);
        spin(&STOP, pattern(12));
    }
    let _session = Session::new();
    let first = Known {
        id: ThreadId::from_word(std::process::id()).unwrap(),
        stack: None,
    };
    // SAFETY: the thread waits, so the handler interrupts nothing that it could disturb.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut());
        libc::syscall(
            libc::SYS_tgkill,
            libc::getpid(),
            first.id.word(),
            libc::SIGUSR2,
        );
    }
    until(|| STARTED.load(Ordering::Relaxed).then_some(()));
    let seen = until(|| Some(first.on_cpu()).filter(|seen| holds(&seen.raw, &pattern(12))));
    STOP.store(true, Ordering::Relaxed);
    let stack = std::fs::read_to_string("/proc/self/maps").unwrap();
    let stack = stack
        .lines()
        .find(|line| line.ends_with("[stack]"))
        .unwrap();
    let (start, end) = stack.split_once(' ').unwrap().0.split_once('-').unwrap();
    let [start, end] = [start, end].map(|edge| u64::from_str_radix(edge, 16).unwrap());
    assert!((start..end).contains(&seen.raw.sp));
    assert_eq!(
        seen.raw.bytes.len() as u64,
        (end - seen.raw.sp).min(64 * 1024)
    );
}

#[test]
fn code_of_a_library_that_was_loaded_later_is_seen() {
    let _session = Session::new();
    let spinning = Spinning::new(|stop| {
        // SAFETY: the library has this function, with this type.
        let cosine: extern "C" fn(f64) -> f64 = unsafe {
            let library = libc::dlopen(c"libm.so.6".as_ptr(), libc::RTLD_NOW);
            assert!(!library.is_null());
            std::mem::transmute(libc::dlsym(library, c"cos".as_ptr()))
        };
        let kept = black_box(pattern(9));
        while !stop.load(Ordering::Relaxed) {
            black_box(cosine(black_box(1e300)));
            black_box(&kept);
        }
    });
    let inside = until(|| {
        let raw = spinning.thread.on_cpu().raw;
        // SAFETY: the structure is written for an address that lies in an object.
        let name = unsafe {
            let mut found: libc::Dl_info = std::mem::zeroed();
            libc::dladdr(raw.ip as *const _, &raw mut found);
            (!found.dli_fname.is_null())
                .then(|| std::ffi::CStr::from_ptr(found.dli_fname).to_owned())
        };
        let in_library = name.is_some_and(|name| name.to_str().unwrap().contains("libm.so"));
        in_library.then_some(raw)
    });
    assert!(holds(&inside, &pattern(9)));
}

#[test]
fn a_thread_that_has_ended_or_blocks_the_signal_is_told_apart() {
    let _session = Session::new();
    let (gone, handle) = spawn(|| ());
    handle.join().unwrap();
    let refusal = until(|| ask(gone.id, None, Duration::ZERO).err().filter(is_not_sent));
    let Refusal::NotSent(error) = refusal else {
        unreachable!();
    };
    assert_eq!(error.raw_os_error(), Some(libc::ESRCH));

    let spinning = Spinning::new(|stop| {
        crate::sys::with_signals_blocked(|| spin(stop, pattern(10)));
    });
    until(|| {
        let answer = ask(spinning.thread.id, None, Duration::from_millis(1));
        matches!(answer, Err(Refusal::NoAnswer)).then_some(())
    });
    // What it gets when it lets the signal in is not asked any more.
    let other = Spinning::new(|stop| spin(stop, pattern(11)));
    other.seen(&pattern(11));
}

fn is_not_sent(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NotSent(_))
}
