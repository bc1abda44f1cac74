/// Whether the program runs with more rights than the user who started it, as a
/// set-user-id program does. Its environment is then not to be trusted: with a
/// sink of their choice, users could write files they have no right to.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn runs_with_raised_privileges() -> bool {
    // SAFETY: `getauxval` only reads a table that the kernel made.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Elsewhere this can't be told.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn runs_with_raised_privileges() -> bool {
    false
}
