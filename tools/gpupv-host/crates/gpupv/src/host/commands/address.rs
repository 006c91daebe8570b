// SPDX-License-Identifier: GPL-2.0
//! GPU addresses.

mod update;

use super::super::call::{answer, success, Call, Fail, Reply};
use super::super::shared::Shared;
use crate::address_space::{AddressError, Target, View, Wanted, GPU_PAGE};
use crate::allocation::Allocation;
use crate::command::AddressCommand;
use crate::handles::Handle;
use crate::memory::Memories;
use crate::payload::Objects;
use crate::queues::PagingQueue;
use crate::status::NtStatus;
use crate::wire::{
    FreeGpuVirtualAddress, MapGpuVirtualAddress, MapGpuVirtualAddressReturn,
    ReserveGpuVirtualAddress, ReserveGpuVirtualAddressReturn,
};

/// Kinds of reservations: no access, zeros, and no promise of either.
const RESERVATION_TYPE_MAX: u32 = 2;
/// The kind that shows zeros.
const RESERVATION_TYPE_ZERO: u32 = 1;

/// What the GPU may do with a range.
pub(in crate::host) mod protection {
    pub(in crate::host) const WRITE: u64 = 1 << 0;
    pub(super) const EXECUTE: u64 = 1 << 1;
    pub(super) const ZERO: u64 = 1 << 2;
    pub(super) const NO_ACCESS: u64 = 1 << 3;
}

impl From<AddressError> for NtStatus {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Invalid | AddressError::Taken => Self::INVALID_PARAMETER,
            AddressError::Full => Self::NO_MEMORY,
        }
    }
}

impl From<AddressError> for Fail {
    fn from(error: AddressError) -> Self {
        NtStatus::from(error).into()
    }
}

impl Shared {
    pub(in crate::host) fn address_command(
        &mut self,
        command: AddressCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            AddressCommand::Reserve => self.reserve_addresses(position, call),
            AddressCommand::Map => self.map_addresses(position, call),
            AddressCommand::Free => self.free_addresses(position, call),
            AddressCommand::Update => self.update_addresses(position, call),
        }
    }

    fn reserve_addresses(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: ReserveGpuVirtualAddress = call.read();
        let place = Handle(request.adapter.get());
        if self.adapters[position].handle != Some(place) {
            // Users may name a paging queue instead of the adapter.
            let objects = &self.process(call)?.objects;
            objects.select::<PagingQueue>(position, place)?;
        }
        if request.reservation_type.get() > RESERVATION_TYPE_MAX {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let wanted = Wanted {
            base: request.base_address.get(),
            minimum: request.minimum_address.get(),
            maximum: request.maximum_address.get(),
        };
        let addresses = &mut self.process(call)?.on_mut(position).addresses;
        let zero = request.reservation_type.get() == RESERVATION_TYPE_ZERO;
        answer(&ReserveGpuVirtualAddressReturn {
            virtual_address: addresses.reserve(wanted, request.size.get(), zero)?.into(),
            paging_fence_value: 0.into(),
        })
    }

    fn map_addresses(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: MapGpuVirtualAddress = call.read();
        let queue = Handle(request.paging_queue.get());
        let process = self.processes.get_mut(&call.process);
        let process = process.ok_or(NtStatus::INVALID_HANDLE)?;
        process.objects.select::<PagingQueue>(position, queue)?;
        if request.reserved0.get() != 0 || request.reserved1.get() != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let pages = |count: u64| count.checked_mul(GPU_PAGE);
        let len = pages(request.size_in_pages.get()).ok_or(NtStatus::INVALID_PARAMETER)?;
        let offset = pages(request.offset_in_pages.get()).ok_or(NtStatus::INVALID_PARAMETER)?;
        let allocation = Handle(request.allocation.get());
        let view = view(
            (&process.objects, &self.memories),
            position,
            (allocation, offset, len),
            (request.protection.get(), request.driver_protection.get()),
        )?;
        let wanted = Wanted {
            base: request.base_address.get(),
            minimum: request.minimum_address.get(),
            maximum: request.maximum_address.get(),
        };
        let addresses = &mut process.on_mut(position).addresses;
        let base = addresses.place_of(wanted, len, &view)?;
        let is_done = addresses.shows(base, len, &view);
        // The queue may be full, and may not take work that then does not happen.
        let (status, value) = self.finish_paging(position, call, queue, is_done)?;
        let addresses = &mut self.process(call)?.on_mut(position).addresses;
        let wanted = Wanted { base, ..wanted };
        answer(&MapGpuVirtualAddressReturn {
            virtual_address: addresses.map(wanted, len, view)?.into(),
            paging_fence_value: value.into(),
            status: status.0.into(),
            padding: 0.into(),
        })
    }

    fn free_addresses(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: FreeGpuVirtualAddress = call.read();
        self.check_adapter(position, request.adapter.get())?;
        if request.reserved.get() != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let addresses = &mut self.process(call)?.on_mut(position).addresses;
        addresses.free(request.base_address.get(), request.size.get())?;
        success()
    }
}

/// A view of `len` bytes of an allocation, or of nothing if there is none.
fn view(
    (objects, memories): (&Objects, &Memories),
    position: usize,
    (allocation, offset, len): (Handle, u64, u64),
    (protection, driver_protection): (u64, u64),
) -> Result<View, Fail> {
    let access = protection & (protection::WRITE | protection::EXECUTE);
    let target = match protection & !(protection::WRITE | protection::EXECUTE) {
        0 => {
            let found: &Allocation = objects.named(position, allocation)?;
            let memory = memories.get(found.memory);
            let memory = memory.filter(|memory| memory.is_complete());
            let size = memory.map_or(0, |memory| memory.info.size);
            let fits = offset.checked_add(len).is_some_and(|end| end <= size);
            if !fits || offset % GPU_PAGE != 0 {
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
            Target::Allocation(allocation, offset)
        }
        protection::ZERO if access == 0 && allocation.0 == 0 => Target::Zero,
        protection::NO_ACCESS if access == 0 => {
            // Users name the allocation that was shown until then.
            if allocation.0 != 0 {
                objects.named::<Allocation>(position, allocation)?;
            }
            Target::NoAccess
        }
        _ => return Err(NtStatus::INVALID_PARAMETER.into()),
    };
    Ok(View {
        target,
        protection,
        driver_protection,
    })
}
