//! Files and lines.

use std::path::Path;

use gimli::{AttributeValue, LineProgramHeader, LineRow, UnitRef};

use super::Slice;
use super::functions::Scope;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::stack) struct Position {
    pub(in crate::stack) file: Option<String>,
    /// 0 in the source means that the compiler made the code.
    pub(in crate::stack) line: Option<u32>,
}

/// The line table of a unit.
pub(super) struct Lines<'u, 'a> {
    unit: UnitRef<'u, Slice<'a>>,
}

impl<'u, 'a> Lines<'u, 'a> {
    pub(super) fn of(unit: UnitRef<'u, Slice<'a>>) -> Self {
        Self { unit }
    }

    /// Where each address comes from, by one pass over the table.
    pub(super) fn positions(&self, addresses: &[u64]) -> gimli::Result<Vec<Option<Position>>> {
        let mut found: Vec<Option<LineRow>> = vec![None; addresses.len()];
        if let Some(program) = self.unit.line_program.clone() {
            let mut rows = program.rows();
            let mut before: Option<LineRow> = None;
            while let Some((_, row)) = rows.next_row()? {
                // A row holds up to the next one of its sequence.
                if let Some(before) = before {
                    let range = before.address()..row.address();
                    for (address, found) in addresses.iter().zip(&mut found) {
                        if range.contains(address) {
                            *found = Some(before);
                        }
                    }
                }
                before = (!row.end_sequence()).then_some(*row);
            }
        }
        let positions = found.into_iter().map(|row| {
            let row = row?;
            let line = row.line().map(std::num::NonZeroU64::get);
            Some(self.position(row.file_index(), line))
        });
        Ok(positions.collect())
    }

    /// Where an inlined function was called.
    pub(super) fn call(&self, scope: &Scope) -> Option<Position> {
        Some(self.position(scope.call_file?, scope.call_line))
    }

    fn position(&self, file: u64, line: Option<u64>) -> Position {
        Position {
            file: self.file(file),
            line: line
                .and_then(|line| u32::try_from(line).ok())
                .filter(|line| *line > 0),
        }
    }

    /// The path as the compiler was given it: relative to where it ran, if the crate is one
    /// of the workspace that was built; else in full.
    fn file(&self, index: u64) -> Option<String> {
        let header = self.unit.line_program.as_ref()?.header();
        let file = header.file(index)?;
        let root = self.text(self.unit.comp_dir.map(AttributeValue::String));
        let directory = self.directory(header, file.directory_index());
        // Joining an absolute path replaces what is before it.
        let path = Path::new(&root)
            .join(directory)
            .join(self.text(Some(file.path_name())));
        // Cargo builds other crates in their own directory as well, but by a full path.
        let own = !self
            .text(self.unit.name.map(AttributeValue::String))
            .starts_with('/');
        let path = match path.strip_prefix(&root) {
            Ok(relative) if own && !root.is_empty() => relative,
            _ => &path,
        };
        Some(path.to_str()?.to_owned())
    }

    fn directory(&self, header: &LineProgramHeader<Slice<'a>>, index: u64) -> String {
        self.text(header.directory(index))
    }

    fn text(&self, value: Option<AttributeValue<Slice<'a>>>) -> String {
        value
            .and_then(|value| self.unit.attr_string(value).ok())
            .map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default()
    }
}
