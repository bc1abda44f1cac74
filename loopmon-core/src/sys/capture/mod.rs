//! What captures of stacks need from the system.
#![allow(
    clippy::cast_possible_truncation,
    reason = "it is compiled only where an address has 64 bits"
)]

mod mapped_file;
mod memory;
mod objects;
#[cfg(test)]
mod own_calls;
mod slot;
mod stack_bounds;
#[cfg(test)]
mod tests;
mod urgent;

pub(crate) use mapped_file::MappedFile;
pub(crate) use memory::read_own;
pub(crate) use objects::{Generation, Loaded, Segment, loaded_objects};
#[cfg(test)]
pub(crate) use own_calls::own_calls;
pub(crate) use slot::{Outcome, Question};
pub(crate) use stack_bounds::own_stack;
pub(crate) use urgent::{Installed, install, is_in_place, is_installed, send};
