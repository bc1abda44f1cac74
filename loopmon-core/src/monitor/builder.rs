use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tokio::runtime::{Builder, Handle, LocalOptions, LocalRuntime, Runtime};

use super::{Monitor, Settled, read_environment};
use crate::config::{Backtrace, Config, Environment, Invalid, Key};
use crate::error::StartError;
use crate::inside::{Hook, UserHooks};
use crate::sink::Sink;
use crate::snapshot::Probe;

/// Settings for a runtime to be monitored.
///
/// What the operator sets in the environment takes precedence.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let (runtime, monitor) = loopmon_core::Monitor::builder()
///     .interval(Duration::from_millis(25))
///     .sink_spec("stderr?every=10s")
///     .build(tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2))?;
/// runtime.block_on(async { /* … the application … */ });
/// drop(runtime);
/// monitor.shutdown();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is monitored before `start`, `attach` or `build`"]
pub struct MonitorBuilder {
    config: Config,
    /// The first setting that could not be used.
    problem: Option<Invalid>,
    sinks: Vec<Box<dyn Sink>>,
    probe: Probe,
    hooks: UserHooks,
}

impl MonitorBuilder {
    pub(super) fn new() -> Self {
        Self {
            config: Config::default(),
            problem: None,
            sinks: Vec::new(),
            probe: Probe::Io,
            hooks: UserHooks::default(),
        }
    }

    /// The mean time between two pings, from 1 ms to 1 h; 250 ms if not set.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.config.interval = interval;
        self
    }

    /// How long a worker may stay away from the scheduler, from 1 ms to 1 h; 100 ms if
    /// not set, 500 ms with debug assertions.
    pub fn stall_threshold(mut self, stall_threshold: Duration) -> Self {
        self.config.stall_threshold = stall_threshold;
        self
    }

    /// When stacks may be captured; [`Backtrace::Auto`] if not set.
    pub fn backtrace(mut self, backtrace: Backtrace) -> Self {
        self.config.backtrace = backtrace;
        self
    }

    /// A crate whose functions count as the program's own code. May be called for
    /// several.
    pub fn own(self, name: &str) -> Self {
        self.set(Key::Own, name)
    }

    /// How long [`Monitor::shutdown`], and the end of an annotated `main`, may wait
    /// for the sinks, up to 1 m; 500 ms if not set.
    pub fn flush(mut self, flush: Duration) -> Self {
        self.config.flush = flush;
        self
    }

    /// How lag is measured; [`Probe::Io`] if not set.
    pub fn probe(mut self, probe: Probe) -> Self {
        self.probe = probe;
        self
    }

    /// A sink of your own. May be called for several.
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// A sink by its text, such as `jsonl:run.jsonl`. May be called for several.
    pub fn sink_spec(self, spec: &str) -> Self {
        self.set(Key::Sink, spec)
    }

    /// Runs `hook` whenever the runtime starts a thread: what you would give to
    /// [`Builder::on_thread_start`], which keeps only one, and loopmon needs it. Only
    /// for [`build`](Self::build).
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        let hook: Hook = Arc::new(hook);
        self.hooks.start = Some(hook);
        self
    }

    /// Runs `hook` whenever the runtime stops a thread: what you would give to
    /// [`Builder::on_thread_stop`]. Only for [`build`](Self::build).
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        let hook: Hook = Arc::new(hook);
        self.hooks.stop = Some(hook);
        self
    }

    /// Runs `hook` whenever a worker wakes up: what you would give to
    /// [`Builder::on_thread_unpark`]. Only for [`build`](Self::build).
    pub fn on_thread_unpark(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        let hook: Hook = Arc::new(hook);
        self.hooks.unpark = Some(hook);
        self
    }

    /// Monitors the runtime that this code runs on.
    ///
    /// # Errors
    ///
    /// There is none; else as [`attach`](Self::attach).
    pub fn start(self) -> Result<Monitor, StartError> {
        let handle = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        self.attach(&handle)
    }

    /// Monitors the runtime of `handle`.
    ///
    /// [`Probe::Io`] needs a runtime built with `enable_io`, [`Probe::Timer`] one with
    /// `enable_time`. Tokio offers no way to ask, so loopmon tries: without the driver,
    /// Tokio's panic message is printed before the error is returned, and a program
    /// built with `panic = "abort"` ends.
    ///
    /// # Errors
    ///
    /// A setting is out of range, the runtime is monitored already or lacks the driver
    /// that the probe needs, other sinks were fixed before, or the operating system
    /// refuses a thread.
    pub fn attach(self, handle: &Handle) -> Result<Monitor, StartError> {
        let (settings, environment) = self.settle()?;
        if environment.off {
            return Ok(Monitor { inner: None });
        }
        settings.watch(handle, None)
    }

    /// Builds a runtime and monitors it.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach); or Tokio can't build the runtime, or the builder
    /// has a hook that loopmon would replace.
    pub fn build(self, tokio: &mut Builder) -> Result<(Runtime, Monitor), StartError> {
        self.build_with(tokio, Builder::build, Runtime::handle)
    }

    /// Builds a local runtime and monitors it.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_local(self, tokio: &mut Builder) -> Result<(LocalRuntime, Monitor), StartError> {
        let build = |tokio: &mut Builder| tokio.build_local(LocalOptions::default());
        self.build_with(tokio, build, LocalRuntime::handle)
    }

    fn build_with<R>(
        self,
        tokio: &mut Builder,
        build: impl FnOnce(&mut Builder) -> io::Result<R>,
        handle: impl FnOnce(&R) -> &Handle,
    ) -> Result<(R, Monitor), StartError> {
        if let Some(taken) = UserHooks::taken(tokio) {
            return Err(StartError::HookTaken(taken));
        }
        let hooks = self.hooks.clone();
        let (settings, environment) = self.settle()?;
        if environment.off {
            hooks.pass_on(tokio);
            let runtime = build(tokio).map_err(StartError::Build)?;
            return Ok((runtime, Monitor { inner: None }));
        }
        let hooked = hooks.install(tokio);
        let runtime = build(tokio).map_err(StartError::Build)?;
        let monitor = settings.watch(handle(&runtime), Some(hooked))?;
        Ok((runtime, monitor))
    }

    fn set(mut self, key: Key, value: &str) -> Self {
        if let Err(problem) = self.config.set(key, value) {
            self.problem.get_or_insert(problem);
        }
        self
    }

    fn settle(self) -> Result<(Settled, Environment), StartError> {
        if let Some(problem) = self.problem {
            return Err(problem.into());
        }
        self.config.validate()?;
        let Self {
            mut config,
            sinks,
            probe,
            ..
        } = self;
        let environment = read_environment(&mut config);
        Ok((
            Settled {
                config,
                sinks,
                probe,
                drill: environment.drill,
                launched: false,
            },
            environment,
        ))
    }
}

impl fmt::Debug for MonitorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitorBuilder")
            .field("config", &self.config)
            .field("sinks", &self.sinks.len())
            .field("probe", &self.probe)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}
