//! The attribute `#[loopmon::main]`. Use it through the crate `loopmon`.
#![forbid(unsafe_code)]
// The macro never panics, and never prints behind the program's back.
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod args;
mod expand;
mod item;

use proc_macro::TokenStream;

/// Runs an async function on a Tokio runtime that loopmon monitors: put it where
/// `#[tokio::main]` stood.
///
/// ```
/// #[loopmon::main(interval = "250ms", sink = "stderr?every=10s")]
/// async fn main() {
///     println!("hello");
/// }
/// ```
///
/// It builds the runtime as `#[tokio::main]` does, spawns the probe on it before the
/// function's body, and gives the sinks a moment when the body has ended. What the
/// function returns, and how the program ends, stays the same.
///
/// # Arguments
///
/// All are optional, and may be given in any order.
///
/// | argument | value | default |
/// |---|---|---|
/// | `interval` | the mean time between two pings, `"1ms"` to `"1h"` | `"250ms"` |
/// | `stall_threshold` | how long a worker may stay away from the scheduler, `"1ms"` to `"1h"` | `"100ms"`; `"500ms"` with debug assertions |
/// | `sink` | where records go: a string, an expression that implements `Sink`, or an array of both | `"auto"` |
/// | `backtrace` | when stacks may be captured: `"auto"`, `"always"`, `"never"` | `"auto"` |
/// | `own` | crates whose functions count as your own code, such as `["my_lib"]` | none besides this one |
/// | `flush` | how long the end may wait for the sinks, `"0ms"` to `"1m"` | `"500ms"` |
/// | `flavor` | `"multi_thread"`, `"current_thread"`, `"local"` | `"multi_thread"` |
/// | `worker_threads` | the number of workers of a multi-thread runtime | one a core |
/// | `start_paused` | whether Tokio's clock starts paused; not on `multi_thread`, and with Tokio's feature `test-util` | `false` |
/// | `name` | Tokio's name for the runtime, which records show | `main` in records |
/// | `unhandled_panic` | `"ignore"`, `"shutdown_runtime"`; not on `multi_thread`, and with `--cfg tokio_unstable` | `"ignore"` |
/// | `crate` | the path of loopmon, where it is re-exported, as a string | `"::loopmon"` |
///
/// The last six are those of `#[tokio::main]`.
///
/// # Sinks
///
/// ```
/// # struct Pager;
/// # impl Pager { fn new() -> Self { Self } }
/// # impl loopmon::Sink for Pager {
/// #     fn event(&mut self, _: &loopmon::Event<'_>) -> Result<(), loopmon::SinkError> { Ok(()) }
/// # }
/// #[loopmon::main(sink = ["stderr?every=10s", Pager::new()])]
/// async fn main() {}
/// ```
///
/// The expression is evaluated before the runtime is built, and may use the
/// function's arguments and `?`.
///
/// # Other functions than `main`
///
/// The attribute works on any async function, with arguments or without; each call
/// builds a runtime. It must not be called from within another runtime.
///
/// ```
/// struct Settings {
///     workers: u32,
/// }
///
/// #[loopmon::main(flavor = "current_thread")]
/// async fn serve(settings: &Settings) -> u32 {
///     settings.workers
/// }
///
/// assert_eq!(serve(&Settings { workers: 4 }), 4);
/// ```
///
/// # Panics
///
/// The function panics if the runtime can't be built, as under `#[tokio::main]`.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::main(args.into(), item.into()).into()
}
