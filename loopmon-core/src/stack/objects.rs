//! Which object the code at an address belongs to.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use super::image::{self, Image};
use crate::sys::{Generation, Loaded, loaded_objects};

/// What is loaded into the process.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    generation: Option<Generation>,
    loaded: Vec<Object>,
    /// Where code stands, sorted by address, and the place of its object in `loaded`.
    code: Vec<(Range<u64>, usize)>,
    /// How many objects there have been: the next one's identity.
    count: u64,
}

#[derive(Debug)]
pub(super) struct Object {
    /// Never given to another object.
    pub(super) identity: u64,
    /// Its file name.
    pub(super) module: Arc<str>,
    loaded: Loaded,
    /// Mapped when first asked for.
    image: OnceCell<Option<Arc<Image>>>,
}

impl Objects {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Learns what was loaded and unloaded; if nothing was, that is one call of the linker.
    pub(crate) fn refresh(&mut self) {
        let Some((generation, loaded)) = loaded_objects(self.generation) else {
            return;
        };
        self.generation = Some(generation);
        let mut before = std::mem::take(&mut self.loaded);
        for loaded in loaded {
            let known = before
                .iter()
                .position(|object| object.loaded == loaded && object.is_still_loaded());
            let object = match known {
                Some(place) => before.swap_remove(place),
                None => self.identify(loaded),
            };
            self.loaded.push(object);
        }
        self.code = self
            .loaded
            .iter()
            .enumerate()
            .flat_map(|(place, object)| object.code().map(move |range| (range, place)))
            .collect();
        self.code.sort_unstable_by_key(|(range, _)| range.start);
    }

    fn identify(&mut self, loaded: Loaded) -> Object {
        self.count += 1;
        Object {
            identity: self.count,
            module: image::module(&loaded).into(),
            loaded,
            image: OnceCell::new(),
        }
    }

    /// The object whose machine code is at `address`.
    pub(super) fn find(&self, address: u64) -> Option<&Object> {
        let after = self
            .code
            .partition_point(|(range, _)| range.start <= address);
        let (range, place) = self.code.get(after.checked_sub(1)?)?;
        range
            .contains(&address)
            .then(|| self.loaded.get(*place))
            .flatten()
    }

    pub(super) fn main_program(&self) -> Option<&Object> {
        self.loaded
            .iter()
            .find(|object| object.loaded.name.is_empty())
    }
}

impl Object {
    /// An address of this process as the object states it.
    pub(super) fn stated(&self, address: u64) -> u64 {
        address.wrapping_sub(self.loaded.bias)
    }

    /// An address that the object states, in this process.
    pub(super) fn actual(&self, stated: u64) -> u64 {
        stated.wrapping_add(self.loaded.bias)
    }

    pub(super) fn image(&self) -> Option<&Arc<Image>> {
        self.image
            .get_or_init(|| Image::of(&self.loaded).map(Arc::new))
            .as_ref()
    }

    /// Another library may have taken its place, under the same name.
    fn is_still_loaded(&self) -> bool {
        match self.image.get() {
            Some(Some(image)) => image.is_of(&self.loaded),
            // Nothing was ever read from it.
            _ => true,
        }
    }

    fn code(&self) -> impl Iterator<Item = Range<u64>> {
        image::code(&self.loaded).map(|segment| {
            let start = self.actual(segment.address);
            start..start.saturating_add(segment.memory_size)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects() -> Objects {
        let mut objects = Objects::new();
        objects.refresh();
        objects
    }

    fn address(function: extern "C" fn()) -> u64 {
        function as usize as u64
    }

    extern "C" fn ours() {}

    #[test]
    fn code_belongs_to_the_object_that_it_was_loaded_with() {
        let objects = objects();
        let own = objects.find(address(ours)).unwrap();
        assert!(own.module.starts_with("loopmon_core-"), "{}", own.module);
        assert_eq!(own.identity, objects.main_program().unwrap().identity);
        let libc = objects.find(libc::getpid as *const () as u64).unwrap();
        assert!(libc.module.starts_with("libc.so"), "{}", libc.module);
    }

    #[test]
    fn data_and_the_void_belong_to_nobody() {
        static DATA: u64 = 0;
        let (objects, local) = (objects(), 0);
        for address in [0, u64::MAX, &raw const DATA as u64, &raw const local as u64] {
            assert!(objects.find(address).is_none(), "{address:x}");
        }
    }

    #[test]
    fn every_object_has_an_image_and_states_its_own_code() {
        let objects = objects();
        // The program, the vdso, libc, libgcc_s and the linker.
        assert!(objects.loaded.len() >= 5);
        for object in &objects.loaded {
            let image = object.image().expect(&object.module);
            assert!(
                image.at(image.unwind_index().unwrap()).is_some(),
                "{}",
                object.module
            );
        }
        let own = objects.find(address(ours)).unwrap();
        let stated = own.stated(address(ours));
        let mut memory = [0; 16];
        assert_eq!(crate::sys::read_own(address(ours), &mut memory), 16);
        assert!(
            own.image()
                .unwrap()
                .at(stated)
                .unwrap()
                .starts_with(&memory)
        );
    }
}
