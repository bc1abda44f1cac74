//! Where Tokio's I/O driver takes no descriptors of ours, there is no bell, and
//! the probe by I/O reports that it is unsupported.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Bell(Infallible);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn ring(&self) {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(crate) struct Ear(Arc<Bell>);

impl Ear {
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere registering may fail")]
    pub(crate) fn new(bell: Arc<Bell>) -> io::Result<Self> {
        Ok(Self(bell))
    }

    #[allow(clippy::unused_async, reason = "elsewhere it waits")]
    pub(crate) async fn hear(&self, _at_once: impl FnOnce()) -> io::Result<()> {
        match self.0.0 {}
    }
}
