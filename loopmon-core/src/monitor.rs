//! Monitoring without the macro.

mod builder;
mod start;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

pub use self::builder::MonitorBuilder;
pub(crate) use self::start::{Settled, read_environment};
use crate::histogram::Distribution;
use crate::inside::{Entered, watch_root};
use crate::registry::{Process, Watched};
use crate::snapshot::{Lag, Probe, Snapshot};
use crate::stall::{Hotspot, Stalls};

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
    pub(crate) inner: Option<(Arc<Process>, Arc<Watched>)>,
}

impl Monitor {
    /// The settings to begin with: those of `#[loopmon::main]` without arguments.
    pub fn builder() -> MonitorBuilder {
        MonitorBuilder::new()
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

    /// The code that kept workers since the runtime was first monitored, the worst first:
    /// what to change next.
    #[must_use]
    pub fn hotspots(&self) -> Vec<Hotspot> {
        let stalls = self
            .inner
            .as_ref()
            .map(|(_, watched)| watched.stalls().read());
        stalls.map_or_else(Vec::new, |stalls| stalls.hotspots)
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
                stalls: Stalls::default(),
                host_lag: Distribution::default(),
            },
        }
    }

    /// Watches the future that is given to `block_on`, where the program calls that
    /// itself: `runtime.block_on(monitor.root(async { … }))`. Under `#[loopmon::main]` it is
    /// watched already.
    ///
    /// On a multi-thread runtime it runs on no worker: if it blocks, that is a stall of
    /// the worker `main`, and without this nobody would see it. On a current-thread runtime
    /// stalls are told only while such a future runs: otherwise they can't be told from code
    /// of the program between two calls of `block_on`. Of several at a time, the first is
    /// watched.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut tokio = tokio::runtime::Builder::new_current_thread();
    /// let (runtime, monitor) = loopmon_core::Monitor::builder().build(tokio.enable_all())?;
    /// let answer = runtime.block_on(monitor.root(async { 42 }));
    /// assert_eq!(answer, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let inner = self.inner.clone();
        async move {
            match inner {
                Some((_, watched)) => watch_root(watched, future).await,
                None => future.await,
            }
        }
    }

    /// As [`root`](Self::root), where nothing has to be known of single polls.
    pub(crate) fn enter(&self) -> Option<Entered<'_>> {
        self.inner.as_ref()?.1.enter_root()
    }

    /// The runtime is no longer driven, and is about to be dropped.
    pub(crate) fn loop_ends(&self) {
        if let Some((_, watched)) = &self.inner {
            // An event that waits has waited until now, and the probe will not run again.
            // Without this, a loop that is stuck until its end would go untold.
            watched.answer(Instant::now());
            watched.drop_begins();
        }
    }

    /// Ends the monitoring of this runtime. Of loopmon's last runtime nothing is left
    /// then: no thread, task or descriptor – but for the probe's task, which its
    /// runtime drops when it runs next, and a sink that does not return.
    ///
    /// Waits until the sinks have passed on what they hold, at most for
    /// [`flush`](MonitorBuilder::flush), and for the watchdog's thread to tell what they
    /// lost, at most a second longer. So call it where a pause does no harm.
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
