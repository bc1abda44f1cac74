use std::sync::Arc;
use std::time::Duration;

use super::Look;
use crate::stall::{Cause, Culprit, Judged};
use crate::sys::ThreadId;

/// What was seen of a worker that is stuck.
#[derive(Debug)]
pub(crate) struct Question {
    /// What the answer is known by.
    pub(crate) number: u64,
    pub(crate) judged: Judged,
    /// How far apart two looks have to be that show the same.
    pub(crate) apart: Duration,
    pub(crate) looks: Vec<Arc<Look>>,
    /// The crates that are the program's own.
    pub(crate) own: Arc<[String]>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// The question's.
    pub(crate) number: u64,
    /// The thread that has turned out to be the worker's.
    pub(crate) thread: Option<ThreadId>,
    pub(crate) explanation: Explanation,
    pub(crate) next: Next,
}

/// Why a worker is stuck, and in what code.
#[derive(Clone, Debug)]
pub(crate) struct Explanation {
    pub(crate) cause: Cause,
    pub(crate) culprit: Option<Arc<Culprit>>,
    /// Why there is no name, where one is missing.
    pub(crate) unnamed: Option<Arc<str>>,
}

impl Explanation {
    /// Nothing more is known.
    pub(crate) fn unnamed(cause: Cause, why: impl Into<Arc<str>>) -> Self {
        Self {
            cause,
            culprit: None,
            unnamed: Some(why.into()),
        }
    }
}

/// Whether one more look could tell more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Settled,
    /// At the same thread.
    Again,
    /// At all threads that may be the worker's.
    Wider,
}
