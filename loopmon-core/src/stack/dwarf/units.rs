//! Which unit of the debug info an address belongs to.

use gimli::DebugInfoOffset;

use super::{DebugInfo, Unit};

impl<'a> DebugInfo<'a> {
    /// The units of all addresses that have one, and the places of these addresses.
    pub(super) fn units_of(&self, addresses: &[u64]) -> Vec<(DebugInfoOffset, Vec<usize>)> {
        let mut wanted = Wanted::new(addresses);
        // What is broken ends the search, and what was found before counts.
        let mut listed = Vec::new();
        let _broken = self.by_table(&mut wanted, &mut listed);
        if wanted.is_any_missing() {
            listed.sort_unstable();
            let _broken = self.by_unit(&mut wanted, &listed);
        }
        wanted.found
    }

    /// The compiler's table of addresses, gone through once.
    fn by_table(&self, wanted: &mut Wanted, listed: &mut Vec<usize>) -> gimli::Result<()> {
        let mut sets = self.ranges.headers();
        while wanted.is_any_missing()
            && let Some(set) = sets.next()?
        {
            listed.push(set.debug_info_offset().0);
            let mut entries = set.entries();
            while let Some(entry) = entries.next()? {
                wanted.check(entry.range(), set.debug_info_offset());
            }
        }
        Ok(())
    }

    /// Not all compilers write the table. Units that it leaves out are asked themselves.
    fn by_unit(&self, wanted: &mut Wanted, listed: &[usize]) -> gimli::Result<()> {
        let mut headers = self.dwarf.units();
        while wanted.is_any_missing()
            && let Some(header) = headers.next()?
        {
            let Some(offset) = header.debug_info_offset() else {
                continue;
            };
            if listed.binary_search(&offset.0).is_ok() {
                continue;
            }
            let unit = self.dwarf.unit(header)?;
            let mut ranges = self.dwarf.unit_ranges(&unit)?;
            while let Some(range) = ranges.next()? {
                wanted.check(range, offset);
            }
        }
        Ok(())
    }

    /// The unit that an entry is in: link-time optimisation refers from one to another.
    pub(super) fn unit_around(&self, entry: DebugInfoOffset) -> gimli::Result<Option<Unit<'a>>> {
        let mut headers = self.dwarf.units();
        while let Some(header) = headers.next()? {
            if entry.to_unit_offset(&header).is_some() {
                return self.dwarf.unit(header).map(Some);
            }
        }
        Ok(None)
    }
}

/// Addresses whose unit is looked for.
struct Wanted {
    /// Sorted, with their places.
    missing: Vec<(u64, usize)>,
    found: Vec<(DebugInfoOffset, Vec<usize>)>,
}

impl Wanted {
    fn new(addresses: &[u64]) -> Self {
        let mut missing: Vec<_> = addresses.iter().copied().zip(0..).collect();
        missing.sort_unstable();
        Self {
            missing,
            found: Vec::new(),
        }
    }

    fn is_any_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Takes out what lies in `range`, which belongs to `unit`.
    fn check(&mut self, range: gimli::Range, unit: DebugInfoOffset) {
        let start = self.missing.partition_point(|(at, _)| *at < range.begin);
        let end = self.missing.partition_point(|(at, _)| *at < range.end);
        if start >= end {
            return;
        }
        let places = self.missing.drain(start..end).map(|(_, place)| place);
        match self.found.iter_mut().find(|(other, _)| *other == unit) {
            Some((_, found)) => found.extend(places),
            None => self.found.push((unit, places.collect())),
        }
    }
}
