//! The functions around an address, by one pass over the entries of a unit.

use gimli::{AttributeValue, Range, UnitOffset, UnitRef, constants as dw};

use super::Slice;

/// A function, or one that was inlined into it, that an address lies in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) entry: UnitOffset,
    /// Where it was called, if it was inlined: a file of the unit's table, and a line.
    pub(super) call_file: Option<u64>,
    pub(super) call_line: Option<u64>,
}

/// How deep functions are inlined into each other before something must be wrong.
const DEPTH: usize = 128;

/// For each address the scopes around it, outermost first.
pub(super) fn scopes(
    unit: UnitRef<'_, Slice<'_>>,
    addresses: &[u64],
) -> gimli::Result<Vec<Vec<Scope>>> {
    let mut scopes = vec![Vec::new(); addresses.len()];
    // Whether an address was found, and the function that it is in has ended.
    let mut function_depth = None;
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() {
        let (entry, depth) = (entries.next_offset(), entries.next_depth());
        if function_depth.is_some_and(|function| depth <= function) {
            function_depth = None;
            if !scopes.iter().any(Vec::is_empty) {
                break;
            }
        }
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        let is_function = abbreviation.tag() == dw::DW_TAG_subprogram;
        let is_inlined = abbreviation.tag() == dw::DW_TAG_inlined_subroutine;
        // What is inlined into none of the wanted functions is of no use.
        if !(is_function || is_inlined && function_depth.is_some()) {
            entries.skip_attributes(abbreviation.attributes())?;
            continue;
        }
        let mut extent = Extent::default();
        for attribute in abbreviation.attributes() {
            extent.take(&entries.read_attribute(*attribute)?);
        }
        let scope = Scope {
            entry,
            call_file: extent.call_file,
            call_line: extent.call_line,
        };
        extent.ranges(unit, |range| {
            for (address, scopes) in addresses.iter().zip(&mut scopes) {
                if (range.begin..range.end).contains(address) {
                    if is_function {
                        scopes.clear();
                        function_depth = Some(depth);
                    }
                    if scopes.len() < DEPTH {
                        scopes.push(scope);
                    }
                }
            }
        })?;
    }
    Ok(scopes)
}

/// Where an entry's code is, in one of the three forms that DWARF has.
#[derive(Default)]
struct Extent<'a> {
    low: Option<AttributeValue<Slice<'a>>>,
    high: Option<AttributeValue<Slice<'a>>>,
    ranges: Option<AttributeValue<Slice<'a>>>,
    call_file: Option<u64>,
    call_line: Option<u64>,
}

impl<'a> Extent<'a> {
    fn take(&mut self, attribute: &gimli::Attribute<Slice<'a>>) {
        match attribute.name() {
            dw::DW_AT_low_pc => self.low = Some(attribute.value()),
            dw::DW_AT_high_pc => self.high = Some(attribute.value()),
            dw::DW_AT_ranges => self.ranges = Some(attribute.value()),
            dw::DW_AT_call_file => {
                self.call_file = match attribute.value() {
                    AttributeValue::FileIndex(index) => Some(index),
                    other => other.udata_value(),
                }
            }
            dw::DW_AT_call_line => self.call_line = attribute.udata_value(),
            _ => {}
        }
    }

    fn ranges(
        self,
        unit: UnitRef<'_, Slice<'a>>,
        mut each: impl FnMut(Range),
    ) -> gimli::Result<()> {
        if let Some(ranges) = self.ranges {
            if let Some(mut ranges) = unit.attr_ranges(ranges)? {
                while let Some(range) = ranges.next()? {
                    each(range);
                }
            }
            return Ok(());
        }
        let (Some(low), Some(high)) = (self.low, self.high) else {
            return Ok(());
        };
        let Some(begin) = unit.attr_address(low)? else {
            return Ok(());
        };
        // Either a length or an address.
        let end = match high.udata_value() {
            Some(length) => Some(begin.wrapping_add(length)),
            None => unit.attr_address(high)?,
        };
        if let Some(end) = end {
            each(Range { begin, end });
        }
        Ok(())
    }
}
