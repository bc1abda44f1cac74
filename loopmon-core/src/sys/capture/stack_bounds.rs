use std::mem::MaybeUninit;
use std::ops::Range;

/// Where the stack of the calling thread lies; `None` for the first thread of the
/// process, whose stack grows, and if it can't be told. It may allocate.
pub(crate) fn own_stack() -> Option<Range<u64>> {
    // SAFETY: both take nothing and cannot fail.
    if unsafe { libc::gettid() == libc::getpid() } {
        return None;
    }
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: it initialises the attributes unless it reports an error.
    if unsafe { libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) } != 0 {
        return None;
    }
    let (mut start, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised, and not used after they are destroyed.
    let known = unsafe {
        let known =
            libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut size) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        known
    };
    let start = start as u64;
    known.then(|| start..start.saturating_add(size as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_keeps_on_its_stack_lies_within_the_bounds() {
        let threads = [64, 2048, 16 * 1024].map(|kib| {
            let builder = std::thread::Builder::new().stack_size(kib * 1024);
            let look = || {
                let local = std::hint::black_box(0_u8);
                (own_stack().unwrap(), &raw const local as u64)
            };
            (kib, builder.spawn(look).unwrap().join().unwrap())
        });
        for (kib, (stack, local)) in threads {
            assert!(stack.contains(&local), "{stack:x?} {local:x}");
            assert!(stack.end - stack.start >= u64::try_from(kib * 1024).unwrap());
        }
    }
}
