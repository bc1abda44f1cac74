//! How much the main program tells about its own code.

use super::dwarf::{DebugInfo, UnitDetail};
use super::elf::Elf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Functions, also those inside others, files and lines: `debug = 1` or more.
    Lines,
    /// Files and lines, and functions without their path: `debug = "line-tables-only"`.
    LinesOnly,
    /// Functions that were not inlined: Cargo's default release profile.
    SymbolTable,
    /// Nothing: `strip = true`.
    Stripped,
}

impl Detail {
    /// The word in records.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::LinesOnly => "lines_only",
            Self::SymbolTable => "symbols",
            Self::Stripped => "stripped",
        }
    }

    /// By what the compiler wrote for the program's own crates: std always brings some.
    pub(super) fn of(elf: &Elf<'_>) -> Self {
        match DebugInfo::of(elf).and_then(|info| info.own_detail()) {
            Some(UnitDetail::Functions) => Self::Lines,
            Some(UnitDetail::LinesOnly) => Self::LinesOnly,
            None if elf.has_symbols() => Self::SymbolTable,
            None => Self::Stripped,
        }
    }
}
