// SPDX-License-Identifier: GPL-2.0
//! UPDATEGPUVIRTUALADDRESS: many changes at once, which wait for a fence and signal it when they are
//! done.

use std::sync::Arc;
use std::time::Instant;

use zerocopy::FromBytes;

use super::super::super::call::{broken, success, Call, Fail, Reply};
use super::super::super::shared::Shared;
use super::super::sync::Named;
use super::{view, AddressError};
use crate::address_space::{Change, Target, Update};
use crate::allocation::Allocation;
use crate::device::Device;
use crate::engine::{Item, QueueId};
use crate::handles::Handle;
use crate::memory::{Memories, MemoryId};
use crate::payload::Objects;
use crate::queues::Context;
use crate::status::NtStatus;
use crate::sync::{Primitive, SyncId};
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
        let mut changes = Vec::with_capacity(operations.len());
        for operation in operations {
            let known = (&process.objects, &self.memories);
            changes.push(plan(known, position, operation)?);
        }
        let all = changes.iter().map(|(change, _)| change);
        process.on_mut(position).addresses.check(all)?;
        let waits = request.flags.get() & UpdateGpuVirtualAddress::DO_NOT_WAIT == 0;
        let (queue, sync) = self.update_queue(position, call, &request, waits)?;
        let begin = request.fence_value.get();
        let end = begin.checked_add(1).ok_or(NtStatus::INVALID_PARAMETER)?;
        let adapter = position;
        let mut items = Vec::with_capacity(2);
        if waits {
            items.push(Item::Wait(vec![(sync, begin)]));
        }
        items.push(Item::Update {
            update: Arc::new(Update { adapter, changes }),
            fence: (sync, end),
        });
        self.engine.submit_all(&[queue], &items, Instant::now())?;
        success()
    }

    /// The queue for the updates of a context, and the fence that they wait for and signal.
    fn update_queue(
        &mut self,
        position: usize,
        call: &Call<'_>,
        request: &UpdateGpuVirtualAddress,
        waits: bool,
    ) -> Result<(QueueId, SyncId), Fail> {
        let process = self.processes.get(&call.process);
        let objects = &process.ok_or(NtStatus::INVALID_HANDLE)?.objects;
        let context: &Context = objects.named(position, Handle(request.context.get()))?;
        let fence = Handle(request.fence_object.get());
        let fence = Named::find(objects, &self.engine, position, fence)?;
        if !matches!(fence.primitive, Primitive::Monitored(_)) {
            // The others have no value that a signal could raise.
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        if waits {
            fence.check_wait()?;
        }
        fence.check_signal()?;
        Ok((context.updates, fence.sync))
    }
}

/// What an operation comes to, and the allocation that it shows.
fn plan(
    known: (&Objects, &Memories),
    position: usize,
    operation: &UpdateOperation,
) -> Result<(Change, Option<(Handle, MemoryId)>), Fail> {
    let (start, len) = (operation.base_address.get(), operation.size.get());
    match operation.operation.get() {
        kind @ (UpdateOperation::MAP | UpdateOperation::MAP_PROTECT) => {
            let allocation = Handle(operation.allocation());
            let offset = operation.allocation_offset.get();
            let size = operation.allocation_size.get();
            if size != 0 && size < len {
                // The range may not show more than it says of the allocation; 0 is all of the range.
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
            let shown = match view.target {
                Target::Allocation(handle, _) => {
                    let found: &Allocation = known.0.named(position, handle)?;
                    Some((handle, found.memory))
                }
                Target::Zero | Target::NoAccess => None,
            };
            let view = Some(view);
            Ok((Change::Show { start, len, view }, shown))
        }
        UpdateOperation::UNMAP => {
            let view = match operation.unmap_protection() {
                0 => None,
                protection => {
                    let nothing = (Handle(0), 0, len);
                    Some(view(known, position, nothing, (protection, 0))?)
                }
            };
            Ok((Change::Show { start, len, view }, None))
        }
        UpdateOperation::COPY => {
            let (from, to) = (start, operation.dest_address.get());
            Ok((Change::Copy { from, to, len }, None))
        }
        _ => Err(AddressError::Invalid.into()),
    }
}
