// SPDX-License-Identifier: GPL-2.0
//! How the engines get at memory, and how it gets away from them.

use std::sync::{Arc, Mutex, PoisonError};

use vmbus::GpadlView;

use super::contents::Place;
use super::{GuestMemory, Memories, MemoryId};
use crate::gpu::Bytes;
use crate::io_space::PAGE;

/// A lock that an engine holds while it works on bytes. It is taken under the lock of the host.
pub(crate) type Gate = Arc<Mutex<()>>;

/// The gates of all engines.
#[derive(Default)]
pub(super) struct Gates(Vec<Gate>);

impl Gates {
    /// Waits until no engine works on bytes that it got before: for one step at most. Whoever calls
    /// has the lock of the host, so that no engine gets new ones.
    pub(super) fn wait(&self) {
        for gate in &self.0 {
            drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Bytes in a page of the guest.
struct InPage {
    memory: Arc<dyn GuestMemory>,
    address: u64,
}

impl Bytes for InPage {
    fn read(&self, into: &mut [u8]) -> bool {
        self.memory.read(self.address, into)
    }

    fn write(&self, from: &[u8]) -> bool {
        self.memory.write(self.address, from)
    }
}

/// Bytes in memory that the guest lends.
struct Lent {
    view: GpadlView,
    offset: u64,
}

impl Bytes for Lent {
    fn read(&self, into: &mut [u8]) -> bool {
        self.view.read(self.offset, into).is_ok()
    }

    fn write(&self, from: &[u8]) -> bool {
        self.view.write(self.offset, from).is_ok()
    }
}

impl Memories {
    /// A gate for one more engine.
    pub(crate) fn add_gate(&mut self) -> Gate {
        let gate = Gate::default();
        self.gates.0.push(Arc::clone(&gate));
        gate
    }

    /// At most `len` bytes of memory from `offset` on, and how many they are. Memory of the host must
    /// be locked. `None` if the bytes are nowhere.
    pub(crate) fn bytes(
        &self,
        id: MemoryId,
        (offset, len): (u64, u64),
        ram: Option<&Arc<dyn GuestMemory>>,
    ) -> Option<(Box<dyn Bytes>, u64)> {
        let memory = self.all.get(&id)?;
        let len = memory.info.size.checked_sub(offset)?.min(len);
        let Some(guest) = &memory.guest else {
            let Place::Shown(pages) = &memory.contents.place else {
                return None;
            };
            return Some((Box::new(pages.part(offset)), len));
        };
        if let Some(view) = guest.view() {
            let view = view.clone();
            return Some((Box::new(Lent { view, offset }), len));
        }
        let within = offset % PAGE;
        let address = guest.page(offset / PAGE)? * PAGE + within;
        let memory = Arc::clone(ram?);
        Some((Box::new(InPage { memory, address }), len.min(PAGE - within)))
    }
}
