//! Source positions, by the debug info of an object.
//!
//! Nothing is indexed or kept: one stack is looked up at a time, and only the few units
//! that it runs through are read, each once for all its addresses. What that costs stands
//! in `docs/symbols.md`.

mod functions;
mod lines;
mod names;
mod own;
mod units;

use gimli::{DebugAranges, Dwarf, EndianSlice, LittleEndian, UnitRef};

use self::functions::{Scope, scopes};
use self::lines::{Lines, Position};
pub(super) use self::own::UnitDetail;
use super::elf::Elf;

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Unit<'a> = gimli::Unit<Slice<'a>>;

pub(super) struct DebugInfo<'a> {
    dwarf: Dwarf<Slice<'a>>,
    /// Which unit is at which address.
    ranges: DebugAranges<Slice<'a>>,
}

/// A function in the source.
#[derive(Debug, Default)]
pub(super) struct SourceFrame {
    pub(super) function: Option<Function>,
    pub(super) position: Option<Position>,
}

#[derive(Debug)]
pub(super) enum Function {
    /// As the linker names it, mangled, with its path.
    Linkage(String),
    /// As its source names it, without path.
    Plain(String),
}

impl<'a> DebugInfo<'a> {
    pub(super) fn of(elf: &Elf<'a>) -> Option<Self> {
        let section = |name: &str| EndianSlice::new(elf.section(name), LittleEndian);
        let dwarf = Dwarf::load(|id| Ok::<_, gimli::Error>(section(id.name())));
        (!elf.section(".debug_info").is_empty()).then_some(())?;
        Some(Self {
            dwarf: dwarf.ok()?,
            ranges: section(".debug_aranges").into(),
        })
    }

    /// The functions at each of the addresses, innermost first; none where there is no
    /// debug info.
    pub(super) fn frames(&self, addresses: &[u64]) -> Vec<Vec<SourceFrame>> {
        let mut frames: Vec<Vec<SourceFrame>> = Vec::new();
        frames.resize_with(addresses.len(), Vec::new);
        for (unit, places) in self.units_of(addresses) {
            // A unit that can't be read leaves its addresses unnamed, and only those.
            let _unreadable = self.frames_of_unit(unit, &places, addresses, &mut frames);
        }
        frames
    }

    fn frames_of_unit(
        &self,
        offset: gimli::DebugInfoOffset,
        places: &[usize],
        addresses: &[u64],
        frames: &mut [Vec<SourceFrame>],
    ) -> gimli::Result<()> {
        let unit = self.dwarf.unit(self.dwarf.unit_header(offset)?)?;
        let unit = unit.unit_ref(&self.dwarf);
        let here: Vec<u64> = places
            .iter()
            .filter_map(|place| addresses.get(*place).copied())
            .collect();
        let scopes = scopes(unit, &here)?;
        let lines = Lines::of(unit);
        let positions = lines.positions(&here)?;
        for ((place, scopes), position) in places.iter().zip(scopes).zip(positions) {
            if let Some(frames) = frames.get_mut(*place) {
                *frames = self.unfold(unit, &lines, &scopes, position);
            }
        }
        Ok(())
    }

    /// From the innermost scope, where the code is at `position`, to the outermost: each
    /// one says where it was called from.
    fn unfold(
        &self,
        unit: UnitRef<'_, Slice<'a>>,
        lines: &Lines<'_, 'a>,
        scopes: &[Scope],
        mut position: Option<Position>,
    ) -> Vec<SourceFrame> {
        let mut frames = Vec::with_capacity(scopes.len());
        for scope in scopes.iter().rev() {
            let caller = lines.call(scope);
            frames.push(SourceFrame {
                function: self.function(unit, scope.entry),
                position: std::mem::replace(&mut position, caller),
            });
        }
        if frames.is_empty() && position.is_some() {
            frames.push(SourceFrame {
                function: None,
                position,
            });
        }
        frames
    }
}
