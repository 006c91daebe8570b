// SPDX-License-Identifier: GPL-2.0
//! Memory that the guest has already, handed over to be an allocation.

use super::super::super::call::{broken, success, Call, Fail, Reply};
use super::super::super::shared::Shared;
use super::just_made;
use crate::handles::Handle;
use crate::memory::{GuestPages, HandOverError, MemoryId};
use crate::status::NtStatus;
use crate::wire::{SetExistingSysMemPages, SetExistingSysMemStore};

impl Shared {
    /// Takes a list of pages.
    pub(super) fn set_pages(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: SetExistingSysMemPages = call.read();
        if !self.maps_guest_memory() {
            return broken("the host does not take lists of pages".to_owned());
        }
        let count = request.num_pages.get();
        if count == 0 || count > SetExistingSysMemPages::COUNT_MAX {
            return broken(format!("{count} pages"));
        }
        // CAST: u32 to usize, on a 64-bit host.
        let bytes = call.bytes(SetExistingSysMemPages::PAGES_OFFSET, count as usize * 8)?;
        let mut pages = Vec::with_capacity(bytes.len() / 8);
        for chunk in bytes.chunks_exact(8) {
            let mut number = [0; 8];
            number.copy_from_slice(chunk);
            pages.push(u64::from_le_bytes(number));
        }
        let (device, handle) = (request.device.get(), request.allocation.get());
        let memory = self.handed_over(position, call, Handle(device), Handle(handle))?;
        if let Some(ram) = &self.guest_memory {
            if let Some(page) = pages.iter().find(|page| !ram.has_page(**page)) {
                return broken(format!("page {page:#x} is not the guest's"));
            }
        }
        let offset = u64::from(request.alloc_offset_in_pages.get());
        let result = self.guest_pages(memory)?.append(offset, &pages);
        taken(result)
    }

    /// Takes the pages of a GPADL.
    pub(super) fn set_gpadl(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: SetExistingSysMemStore = call.read();
        let (device, handle) = (request.device.get(), request.allocation.get());
        let memory = self.handed_over(position, call, Handle(device), Handle(handle))?;
        let id = request.gpadl.get();
        let Some(view) = self.gpadls.get(&id).cloned() else {
            return broken(format!("GPADL {id:#x}"));
        };
        let result = self.guest_pages(memory)?.set_gpadl(id, &view);
        taken(result)
    }

    /// The memory of an allocation that consists of guest memory.
    fn handed_over(
        &mut self,
        position: usize,
        call: &Call<'_>,
        device: Handle,
        handle: Handle,
    ) -> Result<MemoryId, Fail> {
        let objects = &self.process(call)?.objects;
        let allocation = just_made(objects, position, device, handle)?;
        if !allocation.lends {
            // Not even if it shares memory that was handed over for another one.
            return broken("no memory is handed over for the allocation".to_owned());
        }
        Ok(allocation.memory)
    }

    fn guest_pages(&mut self, memory: MemoryId) -> Result<&mut GuestPages, Fail> {
        let memory = self.memories.get_mut(memory);
        let guest = memory.and_then(|memory| memory.guest.as_mut());
        guest.ok_or_else(|| NtStatus::INVALID_PARAMETER.into())
    }
}

fn taken(result: Result<(), HandOverError>) -> Reply {
    match result {
        Ok(()) => success(),
        // Each of the guest's programs keeps to what it has; only their sum does not.
        Err(HandOverError::TooMany(_)) => Err(NtStatus::NO_MEMORY.into()),
        // What a guest hands over depends on nothing but itself.
        Err(error) => Err(Fail::Violation(
            NtStatus::INVALID_PARAMETER,
            error.to_string(),
        )),
    }
}
