// SPDX-License-Identifier: GPL-2.0
//! UPDATEGPUVIRTUALADDRESS: many changes at once, and a fence that says that they are done.

use std::time::Instant;

use zerocopy::FromBytes;

use super::super::super::call::{broken, success, Call, Fail, Reply};
use super::super::super::shared::Shared;
use super::{view, AddressError};
use crate::address_space::AddressSpace;
use crate::device::Device;
use crate::engine::{Effect, Item};
use crate::handles::Handle;
use crate::memory::Memories;
use crate::payload::Objects;
use crate::queues::Context;
use crate::status::NtStatus;
use crate::sync::{Primitive, QueueFence, SyncObject};
use crate::wire::{UpdateGpuVirtualAddress, UpdateOperation};

impl Shared {
    pub(super) fn update_addresses(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: UpdateGpuVirtualAddress = call.read();
        let count = request.num_operations.get();
        if count == 0 || count > UpdateGpuVirtualAddress::COUNT_MAX {
            return broken(format!("{count} operations"));
        }
        // CAST: u32 to usize, on a 64-bit host.
        let len = count as usize * size_of::<UpdateOperation>();
        let bytes = call.bytes(UpdateGpuVirtualAddress::OPERATIONS_OFFSET, len)?;
        let operations =
            <[UpdateOperation]>::ref_from_bytes(bytes).map_err(|_| NtStatus::INVALID_PARAMETER)?;
        let process = self.processes.get_mut(&call.process);
        let process = process.ok_or(NtStatus::INVALID_HANDLE)?;
        let device = Handle(request.device.get());
        process.objects.select::<Device>(position, device)?;
        if request.flags.get() & !UpdateGpuVirtualAddress::DO_NOT_WAIT != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        // All of the operations happen, or none.
        let mut addresses = process.on_mut(position).addresses.clone();
        for operation in operations {
            let known = (&process.objects, &self.memories);
            apply(&mut addresses, known, position, operation)?;
        }
        self.signal_after_update(position, call, &request)?;
        self.process(call)?.on_mut(position).addresses = addresses;
        success()
    }
}

impl Shared {
    /// Brings the fence to its value: after the work that the context has, or at once.
    fn signal_after_update(
        &mut self,
        position: usize,
        call: &Call<'_>,
        request: &UpdateGpuVirtualAddress,
    ) -> Result<(), Fail> {
        let objects = &self.process(call)?.objects;
        let context: &Context = objects.named(position, Handle(request.context.get()))?;
        let fence = Handle(request.fence_object.get());
        let sync = match objects.named::<QueueFence>(position, fence) {
            Ok(fence) => fence.sync,
            Err(_) => objects.named::<SyncObject>(position, fence)?.sync,
        };
        let (queue, value) = (context.queue, request.fence_value.get());
        if self
            .engine
            .primitive(sync)
            .and_then(Primitive::watched)
            .is_none()
        {
            // The others have no value.
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        if request.flags.get() & UpdateGpuVirtualAddress::DO_NOT_WAIT == 0 {
            let item = Item::Execute(Some((sync, value)));
            self.engine.submit(&[queue], &item, Instant::now())?;
        } else {
            let effect = Effect::Signal {
                sync,
                value,
                rewind: false,
            };
            self.engine.signal_now(&[effect], Instant::now());
        }
        Ok(())
    }
}

fn apply(
    addresses: &mut AddressSpace,
    known: (&Objects, &Memories),
    position: usize,
    operation: &UpdateOperation,
) -> Result<(), Fail> {
    let (start, len) = (operation.base_address.get(), operation.size.get());
    match operation.operation.get() {
        kind @ (UpdateOperation::MAP | UpdateOperation::MAP_PROTECT) => {
            let allocation = Handle(operation.allocation());
            let offset = operation.allocation_offset.get();
            if operation.allocation_size.get() < len {
                // The range may not show more than it says of the allocation.
                return Err(AddressError::Invalid.into());
            }
            let protection = match kind {
                UpdateOperation::MAP => (super::protection::WRITE, 0),
                _ => (
                    operation.protection.get(),
                    operation.driver_protection.get(),
                ),
            };
            let view = view(known, position, (allocation, offset, len), protection)?;
            addresses.set(start, len, Some(view))?;
        }
        UpdateOperation::UNMAP => {
            let shown = match operation.unmap_protection() {
                0 => None,
                protection => {
                    let nothing = (Handle(0), 0, len);
                    Some(view(known, position, nothing, (protection, 0))?)
                }
            };
            addresses.set(start, len, shown)?;
        }
        UpdateOperation::COPY => {
            addresses.copy(start, operation.dest_address.get(), len)?;
        }
        _ => return Err(AddressError::Invalid.into()),
    }
    Ok(())
}
