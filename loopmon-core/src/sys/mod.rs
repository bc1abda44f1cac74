//! Small safe faces of what std does not offer. `unsafe` stands here and nowhere
//! else, each block with the reason why it is sound.

#[cfg(unix)]
mod bell;
#[cfg(unix)]
mod signals;

#[cfg(not(unix))]
#[path = "no_bell.rs"]
mod bell;
#[cfg(not(unix))]
#[path = "no_signals.rs"]
mod signals;

#[cfg(test)]
mod counting_allocator;
mod privileges;

pub(crate) use bell::{Bell, Ear};
#[cfg(test)]
pub(crate) use counting_allocator::allocations;
pub(crate) use privileges::runs_with_raised_privileges;
pub(crate) use signals::with_signals_blocked;
