#![allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "as where stacks can be seen"
)]

use std::sync::Arc;
use std::time::Instant;

use super::{Answer, Look, Question, Whom};
use crate::config::Backtrace;

/// Why: the first that applies.
const WHY: &str = if cfg!(not(feature = "stacks")) {
    "loopmon was built without its feature `stacks`"
} else {
    "stacks are seen on Linux x86-64 only"
};

/// Here no stack can be seen.
#[derive(Default)]
pub(crate) struct Stacks {
    _nothing: (),
}

impl Stacks {
    pub(crate) fn arrange(&mut self, _: Backtrace) {}

    pub(crate) fn obstacle(&self, _: Backtrace) -> Option<Arc<str>> {
        Some(WHY.into())
    }

    pub(crate) fn symbols(&mut self) -> &'static str {
        "none"
    }

    pub(crate) fn look(&mut self, whom: &Whom<'_>, at: Instant) -> Look {
        Look {
            at,
            candidates: Vec::new(),
            wide: whom.wide,
            obstacle: Some(WHY.into()),
        }
    }

    pub(crate) fn explain(&mut self, _: Question) -> bool {
        false
    }

    pub(crate) fn is_idle(&self) -> bool {
        true
    }

    pub(crate) fn answers(&mut self) -> Vec<Answer> {
        Vec::new()
    }
}
