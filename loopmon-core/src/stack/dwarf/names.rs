//! The name of a function, which often stands at another entry.

use gimli::{AttributeValue, DebugInfoOffset, UnitOffset, UnitRef, constants as dw};

use super::{DebugInfo, Function, Slice};

/// From the inlined call to the abstract function to its declaration are two steps.
const STEPS: usize = 8;

/// Where an entry refers to for what it does not say itself.
enum Reference {
    SameUnit(UnitOffset),
    OtherUnit(DebugInfoOffset),
}

/// What one entry says.
#[derive(Default)]
struct Said<'a> {
    linkage: Option<AttributeValue<Slice<'a>>>,
    plain: Option<AttributeValue<Slice<'a>>>,
    reference: Option<Reference>,
}

impl<'a> DebugInfo<'a> {
    pub(super) fn function(
        &self,
        unit: UnitRef<'_, Slice<'a>>,
        entry: UnitOffset,
    ) -> Option<Function> {
        self.name(unit, entry, STEPS).ok().flatten()
    }

    fn name(
        &self,
        unit: UnitRef<'_, Slice<'a>>,
        entry: UnitOffset,
        steps: usize,
    ) -> gimli::Result<Option<Function>> {
        let said = said(unit, entry)?;
        if let Some(name) = said.linkage {
            let name = unit.attr_string(name)?;
            return Ok(Some(Function::Linkage(name.to_string_lossy().into_owned())));
        }
        let elsewhere = match said.reference {
            _ if steps == 0 => None,
            None => None,
            Some(Reference::SameUnit(entry)) => self.name(unit, entry, steps - 1)?,
            Some(Reference::OtherUnit(entry)) => match self.unit_around(entry)? {
                Some(other) => match entry.to_unit_offset(&other.header) {
                    Some(entry) => self.name(other.unit_ref(&self.dwarf), entry, steps - 1)?,
                    None => None,
                },
                None => None,
            },
        };
        if elsewhere.is_some() {
            return Ok(elsewhere);
        }
        let Some(name) = said.plain else {
            return Ok(None);
        };
        let name = unit.attr_string(name)?;
        Ok(Some(Function::Plain(name.to_string_lossy().into_owned())))
    }
}

fn said<'a>(unit: UnitRef<'_, Slice<'a>>, entry: UnitOffset) -> gimli::Result<Said<'a>> {
    let mut said = Said::default();
    let mut entries = unit.entries_raw(Some(entry))?;
    let Some(abbreviation) = entries.read_abbreviation()? else {
        return Ok(said);
    };
    for attribute in abbreviation.attributes() {
        let attribute = entries.read_attribute(*attribute)?;
        match attribute.name() {
            dw::DW_AT_linkage_name | dw::DW_AT_MIPS_linkage_name => {
                said.linkage = Some(attribute.value());
            }
            dw::DW_AT_name => said.plain = Some(attribute.value()),
            dw::DW_AT_abstract_origin | dw::DW_AT_specification => {
                said.reference = match attribute.value() {
                    AttributeValue::UnitRef(entry) => Some(Reference::SameUnit(entry)),
                    AttributeValue::DebugInfoRef(entry) => Some(Reference::OtherUnit(entry)),
                    _ => None,
                }
            }
            _ => {}
        }
    }
    Ok(said)
}
