/// There is no way to ask.
pub(crate) fn stderr_takes_more() -> bool {
    true
}
