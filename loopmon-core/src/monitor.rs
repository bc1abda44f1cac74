//! Monitoring without the macro.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, LocalOptions, LocalRuntime, Runtime};

use crate::config::{self, Backtrace, Config, Environment, Key};
use crate::error::StartError;
use crate::histogram::{Distribution, Recorder};
use crate::inside::{self, Hook, Line, Method, ThreadCount, UserHooks};
use crate::registry::{Hold, Process, Settings, Watched};
use crate::sink::{Sink, notice};
use crate::snapshot::{Lag, Probe, Snapshot};
use crate::sys::{Bell, Ear, runs_with_raised_privileges};
use crate::watchdog::Subject;

/// A runtime under watch.
///
/// It is a cheap handle: clone it, or drop it – monitoring goes on until the runtime
/// is dropped or [`shutdown`](Self::shutdown) is called. Where loopmon is switched
/// off by `LOOPMON_OFF=1`, all its numbers are missing.
///
/// # Examples
///
/// Started once when the application loads, on the runtime that it has:
///
/// ```
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let monitor = loopmon_core::Monitor::builder().start()?;
///     // … the application …
///     println!("{:?} late, {:?} tasks", monitor.lag(), monitor.active_tasks());
///     monitor.shutdown();
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Monitor {
    /// `None` where loopmon is switched off.
    inner: Option<(Arc<Process>, Arc<Watched>)>,
}

impl Monitor {
    /// The settings to begin with: those of `#[loopmon::main]` without arguments.
    pub fn builder() -> MonitorBuilder {
        MonitorBuilder {
            config: Config::default(),
            problem: None,
            sinks: Vec::new(),
            probe: Probe::Io,
            hooks: UserHooks::default(),
        }
    }

    /// The name of the runtime in records: Tokio's, else `main`, `rt-2` …
    #[must_use]
    pub fn name(&self) -> &str {
        self.inner
            .as_ref()
            .map_or("", |(_, watched)| &*watched.name)
    }

    /// The present lag: the age of a ping that waits, or the newest answer if that
    /// was later. `None` before the first ping, and where lag is not measured.
    #[must_use]
    pub fn lag(&self) -> Option<Duration> {
        let (_, watched) = self.inner.as_ref()?;
        watched.line.last().max(watched.waiting(Instant::now()))
    }

    /// Tasks that were spawned and have not finished, without loopmon's own. `None`
    /// once the runtime is gone.
    #[must_use]
    pub fn active_tasks(&self) -> Option<usize> {
        self.inner.as_ref()?.1.active_tasks()
    }

    /// All numbers since the runtime was first monitored. Two snapshots give the
    /// numbers [between](Snapshot::since) them.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        match &self.inner {
            Some((process, watched)) => watched.snapshot(Instant::now(), &process.host_lags),
            None => Snapshot {
                runtime: "".into(),
                window: Duration::ZERO,
                probe: Probe::None,
                unmeasured: Some("loopmon is switched off".into()),
                lag: Lag::new(Distribution::default(), None, None),
                active_tasks: None,
                global_queue_depth: None,
                threads: None,
                workers: Vec::new(),
                host_lag: Distribution::default(),
            },
        }
    }

    /// Ends the monitoring of this runtime. Of loopmon's last runtime nothing is left
    /// then: no thread, task or descriptor – but for the probe's task, which its
    /// runtime drops when it runs next, and a sink that does not return.
    ///
    /// Waits until the sinks have passed on what they hold, at most for
    /// [`flush`](MonitorBuilder::flush). So call it where a pause does no harm.
    pub fn shutdown(&self) {
        if let Some((process, watched)) = &self.inner {
            watched.stop();
            process.settle(watched);
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.name()).finish()
    }
}

/// The monitor of the runtime that this code runs on. `None` outside of a runtime,
/// and where it is not monitored.
///
/// # Examples
///
/// ```
/// # #[tokio::main]
/// # async fn main() {
/// if let Some(monitor) = loopmon_core::current() {
///     println!("the loop is {:?} late", monitor.lag());
/// }
/// # }
/// ```
#[must_use]
pub fn current() -> Option<Monitor> {
    let id = Handle::try_current().ok()?.id();
    Process::find(id).map(|found| Monitor { inner: Some(found) })
}

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
    problem: Option<config::Invalid>,
    sinks: Vec<Box<dyn Sink>>,
    probe: Probe,
    hooks: UserHooks,
}

impl MonitorBuilder {
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
        self.hooks.thread_start = Some(hook);
        self
    }

    /// Runs `hook` whenever the runtime stops a thread: what you would give to
    /// [`Builder::on_thread_stop`]. Only for [`build`](Self::build).
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        let hook: Hook = Arc::new(hook);
        self.hooks.thread_stop = Some(hook);
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
        let threads = hooks.install(tokio);
        let runtime = build(tokio).map_err(StartError::Build)?;
        if environment.off {
            return Ok((runtime, Monitor { inner: None }));
        }
        let monitor = settings.watch(handle(&runtime), Some(threads))?;
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

/// Lets the operator's settings take precedence, and tells of their mistakes once.
pub(crate) fn read_environment(config: &mut Config) -> Environment {
    static TOLD: Once = Once::new();
    if runs_with_raised_privileges() {
        return Environment::default();
    }
    let environment = config::overlay(config, std::env::vars_os());
    TOLD.call_once(|| {
        for problem in &environment.problems {
            notice(&format!("{problem}; ignored"));
        }
    });
    environment
}

/// Settings that are complete and valid.
pub(crate) struct Settled {
    pub(crate) config: Config,
    pub(crate) sinks: Vec<Box<dyn Sink>>,
    pub(crate) probe: Probe,
}

impl Settled {
    /// Starts the watchdog if it does not run yet, and the probe.
    pub(crate) fn watch(
        self,
        handle: &Handle,
        threads: Option<ThreadCount>,
    ) -> Result<Monitor, StartError> {
        let Self {
            config,
            sinks,
            probe,
        } = self;
        let settings = Settings {
            interval: config.interval,
            stall_threshold: config.stall_threshold,
            backtrace: config.backtrace,
        };
        let subject = |name, watchdog| {
            let Prepared {
                method,
                bell,
                unavailable,
            } = prepare(probe, settings.interval, handle)?;
            let metrics = handle.metrics();
            let watched = Arc::new(Watched {
                name,
                id: handle.id(),
                flavor: handle.runtime_flavor(),
                settings,
                probe,
                unavailable,
                threads,
                since: Instant::now(),
                line: Line::default(),
                lags: Recorder::new(),
                watchdog,
                hold: Mutex::new(None),
                closed: AtomicBool::new(false),
            });
            let task = handle.spawn(inside::run(method, Arc::clone(&watched)));
            watched.keep(Hold {
                metrics,
                probe: task.abort_handle(),
            });
            Ok(Subject::new(watched, bell))
        };
        let inner = Process::watch(&config, sinks, handle, subject)?;
        Ok(Monitor { inner: Some(inner) })
    }
}

/// A probe that is ready to run, or the reason why there is none.
struct Prepared {
    method: Method,
    bell: Option<Arc<Bell>>,
    unavailable: Option<Arc<str>>,
}

/// Does here, before the probe's task exists, what could fail in it.
fn prepare(probe: Probe, interval: Duration, handle: &Handle) -> Result<Prepared, StartError> {
    let _context = handle.enter();
    let without_bell = |method| Prepared {
        method,
        bell: None,
        unavailable: None,
    };
    match probe {
        Probe::None => Ok(without_bell(Method::None)),
        Probe::Timer => {
            catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO)))
                .map_err(|_| StartError::NoDriver("enable_time"))?;
            Ok(without_bell(Method::Timer(interval)))
        }
        Probe::Io => match Bell::new().map(Arc::new) {
            Ok(bell) => {
                let ear = Arc::clone(&bell);
                match catch_unwind(AssertUnwindSafe(|| Ear::new(ear)))
                    .map_err(|_| StartError::NoDriver("enable_io"))?
                {
                    Ok(ear) => Ok(Prepared {
                        method: Method::Io(ear),
                        bell: Some(bell),
                        unavailable: None,
                    }),
                    Err(error) => Ok(unavailable(&error)),
                }
            }
            Err(error) => Ok(unavailable(&error)),
        },
    }
}

/// The operating system has no descriptor to spare: everything but lag is measured.
fn unavailable(error: &io::Error) -> Prepared {
    notice(&format!(
        "lag is not measured: no descriptor for the probe: {error}"
    ));
    Prepared {
        method: Method::None,
        bell: None,
        unavailable: Some(format!("no descriptor for the probe: {error}").into()),
    }
}
