use std::error::Error;
use std::{fmt, io};

use crate::config::Invalid;

/// Why a runtime could not be monitored. The program itself is not affected.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A setting can't be used.
    Invalid(Invalid),
    /// Monitoring was to start on the current runtime, and there is none.
    NoRuntime,
    /// This runtime is monitored already, under the name given.
    AlreadyMonitored(String),
    /// The process has its sinks already: those that were asked for first.
    SinksFixed,
    /// The runtime has no driver for what the probe waits for: build it with
    /// `enable_all()`, or choose another probe.
    NoDriver(&'static str),
    /// The Tokio builder has this hook already, and loopmon would replace it: give it
    /// to [`MonitorBuilder`](crate::MonitorBuilder) instead.
    HookTaken(&'static str),
    /// Tokio could not build the runtime.
    Build(io::Error),
    /// The operating system refused a thread.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::NoRuntime => f.write_str(
                "there is no Tokio runtime here; call `start` inside one, or `attach` with a handle",
            ),
            Self::AlreadyMonitored(name) => {
                write!(f, "this runtime is monitored already, as `{name}`")
            }
            Self::SinksFixed => f.write_str(
                "the sinks of this process were fixed when its first runtime was monitored; \
                 leave them out here, or name the same ones",
            ),
            Self::NoDriver(driver) => write!(
                f,
                "this runtime was built without `{driver}`; build it with `enable_all`, \
                 or choose another probe",
            ),
            Self::HookTaken(hook) => write!(
                f,
                "`{hook}` is set on this Tokio builder, and loopmon needs it; \
                 set it on loopmon's builder instead, which calls both",
            ),
            Self::Build(error) => write!(f, "could not build the runtime: {error}"),
            Self::Thread(error) => write!(f, "could not start a thread: {error}"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invalid(invalid) => Some(invalid),
            Self::Build(error) | Self::Thread(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Invalid> for StartError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}
