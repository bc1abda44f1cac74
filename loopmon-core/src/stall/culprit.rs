use std::sync::Arc;

/// The code that kept a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Culprit {
    /// The innermost function of the program's own code, else of a dependency: never of
    /// the standard library, Tokio or loopmon.
    pub function: Arc<str>,
    /// The source file; `None` without debug information.
    pub file: Option<Arc<str>>,
    /// The line that was being run.
    pub line: Option<u32>,
    /// Whether it is the program's own code.
    pub own: bool,
    /// What it called, as users write it; `None` if it was computing itself.
    pub called: Option<Arc<str>>,
    /// The function that was spawned, or `main`.
    pub task: Option<Arc<str>>,
    /// What to do instead of this call; `None` if nothing is known about it.
    pub advice: Option<&'static str>,
    /// The functions that the worker was in, innermost first, each as `function at
    /// file:line`, or `module+0xoffset (build id …)` where no name is known.
    pub stack: Arc<[Arc<str>]>,
    /// Whether the stack could not be followed to its end.
    pub truncated: bool,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One that blocks in a sleep.
    pub(crate) fn culprit(function: &str) -> Culprit {
        Culprit {
            function: function.into(),
            file: Some("src/config.rs".into()),
            line: Some(37),
            own: true,
            called: Some("std::thread::sleep".into()),
            task: Some("myapp::startup".into()),
            advice: Some("use tokio::time::sleep(…).await"),
            stack: [
                "std::thread::functions::sleep at std/src/thread/functions.rs:289",
                "myapp::config::load at src/config.rs:37",
            ]
            .map(Arc::from)
            .into(),
            truncated: false,
        }
    }
}
