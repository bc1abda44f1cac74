/// There are no signals to keep away from the threads that `spawn` creates.
pub(crate) fn with_signals_blocked<R>(spawn: impl FnOnce() -> R) -> R {
    spawn()
}
