//! What the calling thread is in, by the unwinder that panics use: the truth that tests
//! compare with.

use std::ffi::{c_int, c_void};

unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        addresses: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

/// Return addresses, innermost first; the first one is that of this call.
#[inline(never)]
pub(crate) fn own_calls() -> Vec<u64> {
    let mut addresses = Vec::<u64>::new();
    // SAFETY: `add` is called before this returns only, with the pointer to `addresses`.
    unsafe { _Unwind_Backtrace(add, (&raw mut addresses).cast()) };
    // The first is in this function, and a zero stands behind the thread's first function.
    addresses
        .into_iter()
        .skip(1)
        .filter(|address| *address != 0)
        .collect()
}

unsafe extern "C" fn add(frame: *mut c_void, addresses: *mut c_void) -> c_int {
    const GO_ON: c_int = 0;
    // SAFETY: the unwinder passes a frame, and on what `own_calls` gave it.
    let (address, addresses) =
        unsafe { (_Unwind_GetIP(frame), &mut *addresses.cast::<Vec<u64>>()) };
    addresses.push(address as u64);
    GO_ON
}
