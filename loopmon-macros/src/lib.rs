//! The attribute of the crate `loopmon`, which re-exports it. Depend on that.

#![forbid(unsafe_code)]
// A macro that panics says nothing about the mistake.
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod args;
mod expand;
mod item;

use proc_macro::TokenStream;

/// Runs an async function on a Tokio runtime that loopmon watches.
///
/// It takes the place of `#[tokio::main]`, on `main` or on any other async
/// function, and understands the same arguments. Alone it needs none:
///
/// ```
/// #[loopmon::main]
/// async fn main() {
///     println!("hello");
/// }
/// ```
///
/// # Arguments of loopmon
///
/// Each value is checked at compile time, by the grammar that the environment
/// variables use.
///
/// | argument | meaning |
/// |---|---|
/// | `interval = "250ms"` | the mean time between two pings of the runtime, `1ms` to `1h` |
/// | `stall_threshold = "100ms"` | how late is too late, `1ms` to `1h`; `500ms` if not set in a build with debug assertions |
/// | `sink = "auto"` | where records go: a spec, an expression, or a list of both |
/// | `backtrace = "auto"` | when stacks may be captured: `auto`, `always`, `never` |
/// | `own = ["my_app"]` | crates whose functions are your own code |
/// | `flush = "500ms"` | how long the end of the program may wait for the sinks, `0ms` to `1m` |
///
/// ```
/// #[loopmon::main(
///     interval = "25ms",
///     stall_threshold = "50ms",
///     sink = ["stderr?every=10s", "jsonl:-"],
///     backtrace = "never",
///     own = ["my-app", "my_lib"],
///     flush = "1s",
/// )]
/// async fn main() {}
/// ```
///
/// A string is a spec, and an array is a list. Anything else is an expression
/// whose value implements `loopmon::Sink`. It is evaluated before the runtime
/// starts, and may use `?` and the function's arguments:
///
/// ```
/// # struct MySink;
/// # impl MySink {
/// #     fn connect(_: &str) -> std::io::Result<Self> { Ok(Self) }
/// # }
/// # impl loopmon::Sink for MySink {
/// #     fn event(&mut self, _: &loopmon::Event<'_>) -> Result<(), loopmon::SinkError> { Ok(()) }
/// # }
/// #[loopmon::main(sink = ["stderr", MySink::connect("127.0.0.1:9000")?])]
/// async fn main() -> std::io::Result<()> {
///     Ok(())
/// }
/// ```
///
/// # Arguments of Tokio
///
/// | argument | meaning |
/// |---|---|
/// | `flavor = "multi_thread"` | the runtime: `multi_thread`, `current_thread`, `local` |
/// | `worker_threads = 4` | how many workers; only with `multi_thread` |
/// | `start_paused = true` | a paused clock; not with `multi_thread`, and needs Tokio's feature `test-util` |
/// | `name = "my-runtime"` | the name of the runtime |
/// | `unhandled_panic = "ignore"` | or `shutdown_runtime`; not with `multi_thread`, and needs `--cfg tokio_unstable` |
/// | `crate = "my_reexport::loopmon"` | the path of loopmon, where it is not `::loopmon` |
///
/// ```
/// #[loopmon::main(flavor = "multi_thread", worker_threads = 2, name = "my-runtime")]
/// async fn main() {}
/// ```
///
/// ```
/// #[loopmon::main(flavor = "current_thread")]
/// async fn answer() -> u32 {
///     42
/// }
///
/// assert_eq!(answer(), 42);
/// ```
///
/// ```
/// mod my_reexport {
///     pub use loopmon;
/// }
///
/// #[my_reexport::loopmon::main(crate = "my_reexport::loopmon")]
/// async fn main() {}
/// ```
///
/// # Panics
///
/// The function panics if the runtime cannot be built, as with `#[tokio::main]`.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::main(arguments.into(), item.into()).into()
}
