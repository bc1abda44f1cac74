//! What `#[loopmon::main]` calls.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle, LocalOptions, LocalRuntime, Runtime};

use crate::config::{Config, Key};
use crate::inside::{Entered, UserHooks};
use crate::monitor::{Monitor, Settled, read_environment};
use crate::sink::{Sink, notice};
use crate::snapshot::Probe;

/// The runtime that the attribute asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// One worker a core, or as many as asked for.
    MultiThread,
    /// Everything on the calling thread.
    CurrentThread,
    /// Everything on the calling thread, and tasks need not be `Send`.
    Local,
}

/// The arguments of one `#[loopmon::main]`, as the expansion writes them.
#[allow(
    missing_debug_implementations,
    reason = "only the expansion makes one, and passes it on"
)]
pub struct Attribute {
    /// The flavor of the runtime.
    pub flavor: Flavor,
    /// Applies the arguments that are Tokio's.
    pub tokio: fn(&mut Builder),
    /// The arguments that are ours, checked when the macro ran.
    pub settings: &'static [(Key, &'static str)],
    /// The sinks that were given as expressions.
    pub sinks: Vec<Box<dyn Sink>>,
    /// Where the annotated function stands. Its crate is the program's own code.
    pub module: &'static str,
}

/// Builds the runtime, monitors it, runs `body` on it, and returns what it returns.
/// Whatever keeps loopmon from monitoring is told in one line on standard error, and
/// the program runs without.
///
/// # Panics
///
/// If the runtime can't be built, as `#[tokio::main]` does.
#[track_caller]
#[allow(clippy::expect_used, reason = "the same end as under `#[tokio::main]`")]
pub fn launch<F: Future>(attribute: Attribute, body: F) -> F::Output {
    let Attribute {
        flavor,
        tokio,
        settings,
        sinks,
        module,
    } = attribute;
    let mut config = Config::default();
    for (key, value) in settings {
        if let Err(invalid) = config.set(*key, value) {
            notice(&format!("{invalid}; ignored")); // The macro has checked them all.
        }
    }
    let environment = read_environment(&mut config);
    let off = environment.off;
    config
        .own
        .extend(module.split("::").next().map(str::to_owned));

    let mut builder = flavor.builder();
    tokio(&mut builder);
    let hooked = (!off).then(|| UserHooks::default().install(&mut builder));
    // Dropped last, so that it also sees the end of the runtime.
    let mut watch = Watch(None);
    let runtime = flavor
        .build(&mut builder)
        .expect("Failed building the Runtime");
    if !off {
        let settled = Settled {
            config,
            sinks,
            probe: Probe::Io,
            drill: environment.drill,
            launched: true,
        };
        match settled.watch(runtime.handle(), hooked) {
            Ok(monitor) => watch.0 = Some(monitor),
            Err(error) => notice(&format!("this program runs unmonitored: {error}")),
        }
    }
    let _told_before_the_drop = LoopEnd(&watch);
    match flavor {
        Flavor::MultiThread => runtime.block_on(watch.root(body)),
        // The worker is all there is.
        Flavor::CurrentThread | Flavor::Local => {
            let _driven = watch.enter();
            runtime.block_on(body)
        }
    }
}

/// Ends the monitoring when `main` ends, also by a panic.
struct Watch(Option<Monitor>);

impl Watch {
    async fn root<F: Future>(&self, body: F) -> F::Output {
        match &self.0 {
            Some(monitor) => monitor.root(body).await,
            None => body.await,
        }
    }

    fn enter(&self) -> Option<Entered<'_>> {
        self.0.as_ref()?.enter()
    }
}

/// The end of the loop, also by a panic. Then the runtime is dropped.
struct LoopEnd<'a>(&'a Watch);

impl Drop for LoopEnd<'_> {
    fn drop(&mut self) {
        if let Some(monitor) = &self.0.0 {
            monitor.loop_ends();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(monitor) = &self.0 {
            monitor.shutdown();
        }
    }
}

impl Flavor {
    fn builder(self) -> Builder {
        let mut builder = match self {
            Self::MultiThread => Builder::new_multi_thread(),
            Self::CurrentThread | Self::Local => Builder::new_current_thread(),
        };
        builder.enable_all();
        builder
    }

    fn build(self, builder: &mut Builder) -> io::Result<AnyRuntime> {
        match self {
            Self::MultiThread | Self::CurrentThread => builder.build().map(AnyRuntime::Shared),
            Self::Local => builder
                .build_local(LocalOptions::default())
                .map(AnyRuntime::Local),
        }
    }
}

enum AnyRuntime {
    Shared(Runtime),
    Local(LocalRuntime),
}

impl AnyRuntime {
    fn handle(&self) -> &Handle {
        match self {
            Self::Shared(runtime) => runtime.handle(),
            Self::Local(runtime) => runtime.handle(),
        }
    }

    #[track_caller]
    fn block_on<F: Future>(&self, body: F) -> F::Output {
        match self {
            Self::Shared(runtime) => runtime.block_on(body),
            Self::Local(runtime) => runtime.block_on(body),
        }
    }
}
