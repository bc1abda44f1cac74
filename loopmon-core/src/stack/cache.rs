//! Names of addresses that were looked up before. They cost milliseconds and never change.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::Frame;

/// Ten deep stacks, or some hundred that end in the same functions.
const ADDRESSES: usize = 1024;

/// Their names are 200 bytes long on average, so this is room for all; it is what bounds
/// the memory if they are longer.
const TEXT: usize = 1 << 20;

/// An object, and an address that it states.
pub(super) type Place = (u64, u64);

#[derive(Debug, Default)]
pub(super) struct Cache {
    frames: HashMap<Place, Arc<[Frame]>>,
    /// Oldest first.
    order: VecDeque<Place>,
    /// Each text once: functions and files occur in many stacks.
    texts: HashSet<Arc<str>>,
    /// The length of all texts of all frames, as if none were shared.
    length: usize,
}

impl Cache {
    pub(super) fn get(&self, place: Place) -> Option<Arc<[Frame]>> {
        self.frames.get(&place).cloned()
    }

    /// A text that is kept once for all frames.
    pub(super) fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&shared));
        shared
    }

    pub(super) fn insert(&mut self, place: Place, frames: Arc<[Frame]>) {
        self.length += length(&frames);
        if let Some(before) = self.frames.insert(place, frames) {
            self.length -= length(&before);
        } else {
            self.order.push_back(place);
        }
        while (self.order.len() > ADDRESSES || self.length > TEXT)
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(frames) = self.frames.remove(&oldest) {
                self.length -= length(&frames);
            }
        }
    }

    /// Lets go of texts that no frame uses any more.
    pub(super) fn tidy(&mut self) {
        self.texts.retain(|text| Arc::strong_count(text) > 1);
    }
}

fn length(frames: &[Frame]) -> usize {
    let text = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
    frames
        .iter()
        .map(|frame| text(&frame.function) + text(&frame.file) + size_of::<Frame>())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(cache: &mut Cache, function: &str) -> Arc<[Frame]> {
        let function = Some(cache.share(function));
        [Frame {
            function,
            file: None,
            line: None,
            inlined: false,
            module: None,
            offset: 0,
            build_id: None,
        }]
        .into()
    }

    #[test]
    fn the_oldest_addresses_are_forgotten_and_so_are_their_names() {
        let mut cache = Cache::default();
        for address in 0..5000 {
            let frames = frames(&mut cache, &format!("function {}", address / 2));
            cache.insert((1, address), frames);
            cache.tidy();
            assert!(cache.texts.len() <= ADDRESSES / 2 + 1);
        }
        assert_eq!(cache.frames.len(), ADDRESSES);
        assert!(cache.get((1, 4999)).is_some() && cache.get((1, 3000)).is_none());
        assert!(cache.get((2, 4999)).is_none(), "another object");
    }

    #[test]
    fn long_names_are_kept_for_fewer_addresses() {
        let mut cache = Cache::default();
        for address in 0..1000 {
            let frames = frames(&mut cache, &format!("{address:0>10000}"));
            cache.insert((1, address), frames);
            cache.insert((1, address), cache.get((1, address)).unwrap());
        }
        cache.tidy();
        assert!(cache.length <= TEXT && cache.length > TEXT / 2);
        assert!(cache.texts.iter().map(|text| text.len()).sum::<usize>() <= TEXT);
        assert_eq!(cache.frames.len(), cache.order.len());
    }
}
