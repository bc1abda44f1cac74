//! Sections and symbol tables of an object's file.

use object::elf::{SHF_COMPRESSED, STT_FUNC, STT_GNU_IFUNC};
use object::read::elf::{ElfFile64, SectionHeader as _, Sym as _};
use object::{LittleEndian, Object as _, ObjectSection as _};

type Symbols<'a> = object::read::elf::SymbolTable<'a, object::elf::FileHeader64<LittleEndian>>;

pub(super) struct Elf<'a>(ElfFile64<'a, LittleEndian>);

impl<'a> Elf<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Option<Self> {
        ElfFile64::parse(file).ok().map(Self)
    }

    /// Empty if there is none. A compressed one counts as none: unpacked it would be
    /// memory of the program, as much as all its debug info.
    pub(super) fn section(&self, name: &str) -> &'a [u8] {
        let Some(section) = self.0.section_by_name(name) else {
            return &[];
        };
        let flags = section.elf_section_header().sh_flags(LittleEndian);
        if flags.contains(SHF_COMPRESSED) {
            return &[];
        }
        section.data().unwrap_or_default()
    }

    /// Whether there are names of all functions, not only of those that other objects use.
    pub(super) fn has_symbols(&self) -> bool {
        !self.0.elf_symbol_table().is_empty()
    }

    #[cfg(test)]
    pub(super) fn all_functions(&self) -> impl Iterator<Item = u64> {
        let symbols = self.0.elf_symbol_table().iter();
        let functions = symbols.filter(|symbol| symbol.st_type() == STT_FUNC);
        functions
            .map(|symbol| symbol.st_value(LittleEndian))
            .filter(|start| *start != 0)
    }

    /// The functions at these addresses, as the linker names them.
    pub(super) fn functions(&self, addresses: &[u64]) -> Vec<Option<&'a str>> {
        let mut found = vec![None; addresses.len()];
        for table in [self.0.elf_symbol_table(), self.0.elf_dynamic_symbol_table()] {
            if found.contains(&None) {
                look_up(table, addresses, &mut found);
            }
        }
        found
    }
}

/// Goes through the table once, whatever the number of addresses.
fn look_up<'a>(table: &Symbols<'a>, addresses: &[u64], found: &mut [Option<&'a str>]) {
    let Some(highest) = addresses.iter().max() else {
        return;
    };
    for symbol in table.iter() {
        let start = symbol.st_value(LittleEndian);
        let size = symbol.st_size(LittleEndian);
        if start > *highest || ![STT_FUNC, STT_GNU_IFUNC].contains(&symbol.st_type()) {
            continue;
        }
        for (address, found) in addresses.iter().zip(&mut *found) {
            if address.checked_sub(start).is_some_and(|into| into < size)
                && let Ok(name) = table.symbol_name(LittleEndian, symbol)
                && let Ok(name) = str::from_utf8(name)
                && found.is_none_or(|other| is_plainer(name, other))
            {
                *found = Some(name);
            }
        }
    }
}

/// Of a function's several names, `nanosleep` is what people know, not `__nanosleep`.
fn is_plainer(name: &str, other: &str) -> bool {
    let underscores = |name: &str| name.len() - name.trim_start_matches('_').len();
    underscores(name) < underscores(other)
}
