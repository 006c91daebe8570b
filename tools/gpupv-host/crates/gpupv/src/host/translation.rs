// SPDX-License-Identifier: GPL-2.0
//! From GPU addresses to bytes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::commands::protection;
use super::shared::Shared;
use crate::address_space::{AddressSpace, Target};
use crate::allocation::Allocation;
use crate::gpu::{Extent, Range, Span, Stop};
use crate::handles::Handle;
use crate::io_space::IoSpace;
use crate::memory::{GuestMemory, LockError, Memories, Memory, MemoryId};
use crate::payload::Objects;

/// The address space of a process on an adapter, for as long as the lock of the host is held.
pub(super) struct Translation<'a> {
    process: Handle,
    adapter: usize,
    objects: &'a Objects,
    /// There are none before something is mapped.
    addresses: Option<&'a AddressSpace>,
    memories: &'a mut Memories,
    space: Option<&'a IoSpace>,
    ram: Option<&'a Arc<dyn GuestMemory>>,
    /// What must stay where it is until all of a step is translated.
    locked: BTreeSet<MemoryId>,
}

impl<'a> Translation<'a> {
    /// `None` if there is no such process.
    pub(super) fn new(shared: &'a mut Shared, process: Handle, adapter: usize) -> Option<Self> {
        let found = shared.processes.get(&process)?;
        Some(Self {
            process,
            adapter,
            objects: &found.objects,
            addresses: found.on(adapter).map(|on| &on.addresses),
            memories: &mut shared.memories,
            space: shared.io_space.as_ref(),
            ram: shared.guest_memory.as_ref(),
            locked: BTreeSet::new(),
        })
    }

    /// What is behind a range.
    ///
    /// # Errors
    ///
    /// The first address that is not mapped, not resident, or may not be written; or there is no room
    /// for the memory.
    pub(super) fn span(&mut self, range: Range, write: bool) -> Result<Span, Stop> {
        let mut extents = Vec::new();
        let (mut address, mut left) = (range.address, range.len);
        while left > 0 {
            let extent = self.extent(address, left, write)?;
            address += extent.len as u64;
            left -= extent.len as u64;
            extents.push(extent);
        }
        Ok(Span(extents))
    }

    fn extent(&mut self, address: u64, len: u64, write: bool) -> Result<Extent, Stop> {
        let fault = Stop::PageFault { address, write };
        let (view, shown) = self
            .addresses
            .and_then(|addresses| addresses.look(address))
            .ok_or(fault)?;
        let writable = view.protection & protection::WRITE != 0;
        let len = len.min(shown);
        let (bytes, len) = match view.target {
            Target::NoAccess => return Err(fault),
            Target::Zero => (None, len),
            Target::Allocation(handle, _) if write && self.is_read_only(handle) => {
                return Err(fault);
            }
            Target::Allocation(..) if write && !writable => return Err(fault),
            Target::Allocation(handle, offset) => {
                let id = self.resident(handle).ok_or(fault)?;
                self.lock(id, fault)?;
                let found = self.memories.bytes(id, (offset, len), self.ram);
                let (bytes, len) = found.ok_or(fault)?;
                (Some(bytes), len)
            }
        };
        Ok(Extent {
            address,
            // CAST: no range is longer than a step.
            len: len as usize,
            bytes,
        })
    }

    /// Whether the guest lends the memory of an allocation only to be read.
    fn is_read_only(&self, handle: Handle) -> bool {
        let allocation = self.objects.named::<Allocation>(self.adapter, handle);
        let memory = allocation.ok().and_then(|a| self.memories.get(a.memory));
        let guest = memory.and_then(|memory| memory.guest.as_ref());
        guest.is_some_and(|guest| guest.is_read_only())
    }

    /// The memory of an allocation, if the process may use it now.
    fn resident(&self, handle: Handle) -> Option<MemoryId> {
        let allocation: &Allocation = self.objects.named(self.adapter, handle).ok()?;
        let usable = |memory: &Memory| {
            memory.is_used_by(self.process) && memory.is_placed() && memory.offer().is_none()
        };
        let memory = self.memories.get(allocation.memory).filter(|m| usable(m));
        memory.map(|_| allocation.memory)
    }

    fn lock(&mut self, id: MemoryId, fault: Stop) -> Result<(), Stop> {
        if self.memories.get(id).is_some_and(|m| m.guest.is_some()) || self.locked.contains(&id) {
            return Ok(());
        }
        let space = self.space.ok_or(Stop::NoMemory)?;
        self.memories.lock(id, space).map_err(|error| match error {
            LockError::NoRoom => Stop::NoMemory,
            LockError::NotOurs => fault,
        })?;
        self.locked.insert(id);
        Ok(())
    }
}

impl Drop for Translation<'_> {
    fn drop(&mut self) {
        // From here on memory that moves waits for the engines.
        for &id in &self.locked {
            self.memories.unlock(id);
        }
    }
}
