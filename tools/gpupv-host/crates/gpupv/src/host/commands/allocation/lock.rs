// SPDX-License-Identifier: GPL-2.0
//! Allocations as the CPU of the guest sees them.

use super::super::super::call::{answer, success, Call, Fail, Reply};
use super::super::super::shared::Shared;
use super::of_device;
use crate::allocation::Allocation;
use crate::behaviour::PageReuse;
use crate::device::Device;
use crate::handles::Handle;
use crate::memory::LockError;
use crate::payload::Objects;
use crate::status::NtStatus;
use crate::wire::{InvalidateCache, Lock, LockReturn, Unlock};

/// An allocation to be locked in the name of a device. Guests look up both, but do not compare: the
/// device is any of the process's, and what counts is the allocation.
fn in_the_name_of(
    objects: &Objects,
    position: usize,
    device: Handle,
    handle: Handle,
) -> Result<&Allocation, Fail> {
    objects.select::<Device>(position, device)?;
    objects.named(position, handle)
}

impl Shared {
    pub(super) fn lock_allocation(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: Lock = call.read();
        let (device, handle) = (request.device.get(), Handle(request.allocation.get()));
        let objects = &self.process(call)?.objects;
        let allocation = in_the_name_of(objects, position, Handle(device), handle)?;
        let (memory, locked) = (allocation.memory, allocation.locked);
        if request.value.get() != 0 || request.reserved.get() != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        if self
            .memories
            .get(memory)
            .is_none_or(|m| m.offer().is_some())
        {
            // What is in it may be gone at any moment.
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let space = self.io_space.as_ref().ok_or(NtStatus::NO_MEMORY)?;
        let address = self
            .memories
            .lock(memory, space)
            .map_err(|error| match error {
                LockError::NotOurs => NtStatus::INVALID_PARAMETER,
                LockError::NoRoom => NtStatus::NO_MEMORY,
            })?;
        if locked {
            // Each allocation counts once, however often it is locked.
            self.memories.unlock(memory);
        }
        let objects = &mut self.process(call)?.objects;
        objects.named_mut::<Allocation>(position, handle)?.locked = true;
        answer(&LockReturn {
            status: NtStatus::SUCCESS.0.into(),
            padding: 0.into(),
            cpu_visible_buffer_offset: address.into(),
        })
    }

    pub(super) fn unlock_allocation(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: Unlock = call.read();
        let (device, handle) = (request.device.get(), Handle(request.allocation.get()));
        let objects = &mut self.process(call)?.objects;
        in_the_name_of(objects, position, Handle(device), handle)?;
        let allocation: &mut Allocation = objects.named_mut(position, handle)?;
        let memory = allocation.memory;
        // The guest locks its own memory without asking, but says when it unlocks it.
        if std::mem::take(&mut allocation.locked) {
            self.memories.unlock(memory);
            if self.behaviour.page_reuse == PageReuse::AtOnce {
                self.memories.hide_unlocked(memory);
            }
        }
        success()
    }

    pub(super) fn invalidate_cache(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: InvalidateCache = call.read();
        let (device, handle) = (request.device.get(), Handle(request.allocation.get()));
        let objects = &self.process(call)?.objects;
        let memory = of_device(objects, position, Handle(device), handle)?.memory;
        let size = self.memories.get(memory).map_or(0, |m| m.info.size);
        let end = request.offset.get().checked_add(request.length.get());
        // Host and guest share the memory of one machine: there is no cache between them.
        match end {
            Some(end) if end <= size => success(),
            _ => Err(NtStatus::INVALID_PARAMETER.into()),
        }
    }
}
