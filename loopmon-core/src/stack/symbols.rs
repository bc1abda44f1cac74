//! From addresses to functions, files and lines.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::cache::{Cache, Place};
use super::detail::Detail;
use super::dwarf::{DebugInfo, Function, SourceFrame};
use super::elf::Elf;
use super::image::Image;
use super::objects::{Object, Objects};
use super::unwind::{Address, Unwound};
use super::{Frame, Stack};

/// Longer names are cut. Types of nested services and streams have names without end.
const NAME_AT_MOST: usize = 4 << 10;

#[derive(Debug, Default)]
pub(crate) struct Symbols {
    cache: Cache,
    /// What was read since the program was last idle.
    read: Vec<Arc<Image>>,
    detail: Option<Detail>,
}

impl Symbols {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Names all calls, and the functions that were inlined into them.
    pub(crate) fn name(&mut self, unwound: &Unwound, objects: &Objects) -> Stack {
        let calls = &unwound.addresses;
        let mut named: Vec<Option<Arc<[Frame]>>> = calls
            .iter()
            .map(|call| self.known(*call, objects))
            .collect();
        while let Some(object) = calls
            .iter()
            .zip(&named)
            .find(|(_, known)| known.is_none())
            .and_then(|(call, _)| objects.find(call.of_instruction()))
        {
            self.look_up(object, calls, objects, &mut named);
        }
        self.cache.tidy();
        Stack {
            frames: named
                .iter()
                .flatten()
                .flat_map(|frames| frames.iter().cloned())
                .collect(),
            complete: unwound.complete,
        }
    }

    /// From the cache; what is in no object has no name, and that is known.
    fn known(&self, call: Address, objects: &Objects) -> Option<Arc<[Frame]>> {
        match objects.find(call.of_instruction()) {
            Some(object) => self.cache.get(place(object, call)),
            None => Some([unnamed(None, call.of_instruction())].into()),
        }
    }

    /// Fills in all calls of one object that are not known yet, so that each unit of its
    /// debug info is read once.
    fn look_up(
        &mut self,
        object: &Object,
        calls: &[Address],
        objects: &Objects,
        named: &mut [Option<Arc<[Frame]>>],
    ) {
        let is_ours = |call: &Address| {
            objects
                .find(call.of_instruction())
                .is_some_and(|other| other.identity == object.identity)
        };
        let missing = calls
            .iter()
            .zip(named)
            .filter(|(call, known)| known.is_none() && is_ours(call));
        let (places, missing): (Vec<_>, Vec<_>) = missing
            .map(|(call, known)| (place(object, *call), known))
            .unzip();
        let addresses: Vec<u64> = places.iter().map(|(_, address)| *address).collect();
        for ((place, named), found) in places
            .into_iter()
            .zip(missing)
            .zip(self.find(object, &addresses))
        {
            self.cache.insert(place, Arc::clone(&found));
            *named = Some(found);
        }
    }

    fn find(&mut self, object: &Object, addresses: &[u64]) -> Vec<Arc<[Frame]>> {
        let Some((image, elf)) = object
            .image()
            .and_then(|image| Some((image, Elf::parse(image.file())?)))
        else {
            return addresses
                .iter()
                .map(|address| [unnamed(Some(object), *address)].into())
                .collect();
        };
        if !self.read.iter().any(|other| Arc::ptr_eq(other, image)) {
            self.read.push(Arc::clone(image));
        }
        let sources = sources(&elf, addresses);
        addresses
            .iter()
            .zip(sources)
            .map(|(address, sources)| self.frames(object, *address, sources))
            .collect()
    }

    fn frames(&mut self, object: &Object, address: u64, sources: Vec<SourceFrame>) -> Arc<[Frame]> {
        let outermost = sources.len().saturating_sub(1);
        sources
            .into_iter()
            .enumerate()
            .map(|(depth, source)| {
                let position = source.position;
                Frame {
                    function: source
                        .function
                        .map(|function| self.cache.share(&readable(&function))),
                    line: position.as_ref().and_then(|position| position.line),
                    file: position
                        .and_then(|position| position.file)
                        .map(|file| self.cache.share(&file)),
                    inlined: depth < outermost,
                    ..unnamed(Some(object), address)
                }
            })
            .collect()
    }

    /// Gives back what was needed to read debug info; names are kept.
    pub(crate) fn drop_idle(&mut self) {
        for image in self.read.drain(..) {
            image.release_pages();
        }
    }

    /// How much the main program tells of its own code.
    pub(crate) fn detail(&mut self, objects: &Objects) -> Detail {
        *self.detail.get_or_insert_with(|| {
            objects
                .main_program()
                .and_then(|program| program.image())
                .and_then(|image| Elf::parse(image.file()))
                .map_or(Detail::Stripped, |elf| Detail::of(&elf))
        })
    }
}

/// The functions at each address, innermost first: at least one, known or not.
fn sources(elf: &Elf<'_>, addresses: &[u64]) -> Vec<Vec<SourceFrame>> {
    let mut sources = match DebugInfo::of(elf) {
        Some(info) => info.frames(addresses),
        None => addresses.iter().map(|_| Vec::new()).collect(),
    };
    for (sources, symbol) in sources.iter_mut().zip(elf.functions(addresses)) {
        if sources.is_empty() {
            sources.push(SourceFrame::default());
        }
        // The outermost has machine code of its own, and so a symbol: by that it has its
        // path, if the debug info leaves it out.
        if let Some(outermost) = sources.last_mut()
            && !matches!(outermost.function, Some(Function::Linkage(_)))
            && let Some(symbol) = symbol
        {
            outermost.function = Some(Function::Linkage(symbol.to_owned()));
        }
    }
    sources
}

fn place(object: &Object, call: Address) -> Place {
    (object.identity, object.stated(call.of_instruction()))
}

fn unnamed(object: Option<&Object>, offset: u64) -> Frame {
    Frame {
        function: None,
        file: None,
        line: None,
        inlined: false,
        module: object.map(|object| Arc::clone(&object.module)),
        offset,
        build_id: object.and_then(|object| object.image()?.build_id().cloned()),
    }
}

/// Without the hash that tells versions of a crate apart.
fn readable(function: &Function) -> String {
    let mut name = Name(String::new());
    let _cut = match function {
        Function::Plain(plain) => name.write_str(plain),
        Function::Linkage(mangled) => match rustc_demangle::try_demangle(mangled) {
            Ok(demangled) => write!(name, "{demangled:#}"),
            Err(_) => name.write_str(mangled),
        },
    };
    name.0
}

/// Takes [`NAME_AT_MOST`] bytes, and then an error.
struct Name(String);

impl fmt::Write for Name {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        for character in more.chars() {
            if self.0.len() + character.len_utf8() > NAME_AT_MOST {
                return Err(fmt::Error);
            }
            self.0.push(character);
        }
        Ok(())
    }
}

#[cfg(test)]
mod profiles;
#[cfg(test)]
mod tests;
