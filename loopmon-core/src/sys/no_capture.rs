use std::ops::Range;

/// Nobody asks for it where no stack is copied.
pub(crate) const fn own_stack() -> Option<Range<u64>> {
    None
}
