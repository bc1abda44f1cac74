//! Functions without `async`, called from tasks.

use crate::LONG;

#[inline(always)]
pub fn load() {
    std::thread::sleep(LONG); // keeps: load
}

#[inline(never)]
pub fn fetch() {
    std::thread::sleep(LONG); // keeps: fetch
    // Else the call is a jump, and leaves nothing of this function on the stack.
    std::hint::black_box(());
}
