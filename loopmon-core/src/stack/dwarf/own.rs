//! What the program's own crates were compiled with.

use gimli::constants as dw;

use super::{DebugInfo, Unit};

/// What the compiler wrote for a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stack) enum UnitDetail {
    Functions,
    LinesOnly,
}

/// How many units are looked at. The linker puts those of the program's own crate first.
const UNITS: usize = 16;

/// Where Rust's own libraries and their dependencies are said to come from.
const STD: [&str; 2] = ["/rustc/", "/rust/deps/"];

impl DebugInfo<'_> {
    /// `None` if only std, which is compiled elsewhere, has debug info.
    pub(in crate::stack) fn own_detail(&self) -> Option<UnitDetail> {
        let mut headers = self.dwarf.units();
        let mut detail = None;
        let mut seen = 0;
        while seen < UNITS
            && let Ok(Some(header)) = headers.next()
        {
            let Ok(unit) = self.dwarf.unit(header) else {
                continue;
            };
            if !is_own(&unit) {
                continue;
            }
            seen += 1;
            if names_functions(&unit).unwrap_or(false) {
                return Some(UnitDetail::Functions);
            }
            detail = Some(UnitDetail::LinesOnly);
        }
        detail
    }
}

/// It is Rust, and not from where Rust's own libraries are built.
fn is_own(unit: &Unit<'_>) -> bool {
    let language = unit
        .entry(unit.header.root_offset())
        .ok()
        .and_then(|root| root.attr_value(dw::DW_AT_language));
    let directory = unit.comp_dir.map(|directory| directory.to_string_lossy());
    language == Some(gimli::AttributeValue::Language(dw::DW_LANG_Rust))
        && directory.is_some_and(|directory| !STD.iter().any(|std| directory.starts_with(std)))
}

/// Whether a function has the name that the linker knows it by.
fn names_functions(unit: &Unit<'_>) -> gimli::Result<bool> {
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() {
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        if abbreviation.tag() == dw::DW_TAG_subprogram
            && abbreviation
                .attributes()
                .iter()
                .any(|attribute| attribute.name() == dw::DW_AT_linkage_name)
        {
            return Ok(true);
        }
        entries.skip_attributes(abbreviation.attributes())?;
    }
    Ok(false)
}
