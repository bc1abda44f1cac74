//! From settings to a runtime under watch.

use std::io;
use std::panic::catch_unwind;
use std::sync::{Arc, Once};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::Monitor;
use crate::config::{self, Config, Environment};
use crate::error::StartError;
use crate::inside::{self, Hooked, Method};
use crate::registry::{Hold, Process, Settings, Watched};
use crate::sink::{Sink, notice};
use crate::snapshot::Probe;
use crate::sys::{Bell, Ear, runs_with_raised_privileges};
use crate::watchdog::Subject;

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
    /// How long one worker of the first runtime is to be blocked.
    pub(crate) drill: Option<Duration>,
    /// Whether loopmon also drives and drops the runtime.
    pub(crate) launched: bool,
}

impl Settled {
    /// Starts the watchdog if it does not run yet, and the probe.
    pub(crate) fn watch(
        self,
        handle: &Handle,
        hooked: Option<Arc<Hooked>>,
    ) -> Result<Monitor, StartError> {
        let Self {
            config,
            sinks,
            probe,
            drill,
            launched,
        } = self;
        let settings = Settings {
            interval: config.interval,
            stall_threshold: config.stall_threshold,
            backtrace: config.backtrace,
        };
        let own = config.own.clone().into();
        let Prepared {
            method,
            bell,
            unavailable,
        } = prepare(probe, settings.interval, handle)?;
        let subject = |name, watchdog: Thread, first| {
            if let Some(hooked) = &hooked {
                let _first_and_only = hooked.watchdog.set(watchdog.clone());
            }
            let mut watched = Watched::new(name, handle, settings, probe, watchdog, Instant::now());
            watched.unavailable = unavailable;
            if let Some(hooked) = hooked {
                watched.set_hooked(hooked);
            }
            watched.launched = launched;
            watched.own = own;
            Subject::new(Arc::new(watched), bell, drill.filter(|_| first))
        };
        let (process, watched) = Process::watch(&config, sinks, handle, subject)?;
        let task = handle.spawn(inside::run(method, Arc::clone(&watched)));
        watched.keep(Hold {
            handle: handle.clone(),
            metrics: handle.metrics(),
            probe: task.abort_handle(),
        });
        Ok(Monitor {
            inner: Some((process, watched)),
        })
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
    let (method, bell) = match probe {
        Probe::None => (Method::None, None),
        Probe::Timer => {
            catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO)))
                .map_err(|_| StartError::NoDriver("enable_time"))?;
            (Method::Timer(interval), None)
        }
        Probe::Io => {
            match catch_unwind(hang_bell).map_err(|_| StartError::NoDriver("enable_io"))? {
                Ok((bell, ear)) => (Method::Io(ear), Some(bell)),
                Err(error) => return Ok(unavailable(&error)),
            }
        }
    };
    Ok(Prepared {
        method,
        bell,
        unavailable: None,
    })
}

fn hang_bell() -> io::Result<(Arc<Bell>, Ear)> {
    let bell = Arc::new(Bell::new()?);
    let ear = Ear::new(Arc::clone(&bell))?;
    Ok((bell, ear))
}

/// The operating system has no descriptor to spare: everything but lag is measured.
fn unavailable(error: &io::Error) -> Prepared {
    let reason = format!("no descriptor for the probe: {error}");
    notice(&format!("lag is not measured: {reason}"));
    Prepared {
        method: Method::None,
        bell: None,
        unavailable: Some(reason.into()),
    }
}
