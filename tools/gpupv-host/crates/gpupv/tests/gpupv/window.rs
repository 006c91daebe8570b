// SPDX-License-Identifier: GPL-2.0
//! The guest's address space where the host shows it memory.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use gpupv::{GuestWindow, WindowMemory};

/// One page after the other, as long as somebody has put something there.
type Pages = Vec<Option<Box<[u8; 4096]>>>;

#[derive(Default)]
struct State {
    range: Range<u64>,
    pages: Pages,
}

/// What the guest sees. Clones see the same.
#[derive(Clone, Default)]
pub struct FakeWindow(Arc<Mutex<State>>);

impl FakeWindow {
    /// The word that the guest reads at an address.
    pub fn word(&self, address: u64) -> u64 {
        let state = self.0.lock().unwrap();
        assert!(state.range.contains(&address), "{address:#x} is not backed");
        let offset = address - state.range.start;
        assert_eq!(offset % 8, 0);
        let at = (offset % 4096) as usize;
        state.pages[(offset / 4096) as usize]
            .as_ref()
            .map_or(0, |page| {
                u64::from_le_bytes(page[at..at + 8].try_into().unwrap())
            })
    }

    /// Writes a word, as the guest does.
    pub fn set_word(&self, address: u64, word: u64) {
        let mut state = self.0.lock().unwrap();
        assert!(state.range.contains(&address), "{address:#x} is not backed");
        let offset = address - state.range.start;
        assert_eq!(offset % 8, 0);
        let at = (offset % 4096) as usize;
        let page = state.pages[(offset / 4096) as usize].get_or_insert_with(|| Box::new([0; 4096]));
        page[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }

    /// Where there is memory.
    pub fn range(&self) -> Range<u64> {
        self.0.lock().unwrap().range.clone()
    }
}

impl GuestWindow for FakeWindow {
    fn map(&self, address: u64, len: u64) -> io::Result<Box<dyn WindowMemory>> {
        let mut state = self.0.lock().unwrap();
        if !state.range.is_empty() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        state.range = address..address + len;
        state.pages = (0..len / 4096).map(|_| None).collect();
        Ok(Box::new(Memory(self.clone())))
    }
}

struct Memory(FakeWindow);

impl Memory {
    /// Calls `f` for each byte, with its place in `0..len`.
    fn each(&self, offset: u64, len: usize, mut f: impl FnMut(usize, &mut u8)) {
        let mut state = self.0 .0.lock().unwrap();
        for place in 0..len {
            let at = offset as usize + place;
            let page = state.pages[at / 4096].get_or_insert_with(|| Box::new([0; 4096]));
            f(place, &mut page[at % 4096]);
        }
    }
}

impl WindowMemory for Memory {
    fn read(&self, offset: u64, into: &mut [u8]) {
        self.each(offset, into.len(), |place, byte| into[place] = *byte);
    }

    fn write(&self, offset: u64, from: &[u8]) {
        self.each(offset, from.len(), |place, byte| *byte = from[place]);
    }

    fn store(&self, offset: u64, value: u64) {
        assert_eq!(offset % 8, 0);
        self.write(offset, &value.to_le_bytes());
    }

    fn clear(&self, offset: u64, len: u64) {
        assert!(offset % 4096 == 0 && len % 4096 == 0 && len > 0);
        let mut state = self.0 .0.lock().unwrap();
        let first = (offset / 4096) as usize;
        state.pages[first..first + (len / 4096) as usize].fill(None);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        *self.0 .0.lock().unwrap() = State::default();
    }
}
