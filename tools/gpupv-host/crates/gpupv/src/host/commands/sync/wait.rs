// SPDX-License-Identifier: GPL-2.0
//! Waits, of a CPU or of a queue.

use std::time::Instant;

use super::super::super::call::{broken, success, Call, Reply};
use super::super::super::shared::Shared;
use super::super::work::queue_selected;
use super::Named;
use crate::device::Device;
use crate::engine::{Condition, CpuWait, Item, Owner};
use crate::handles::Handle;
use crate::status::NtStatus;
use crate::sync::Primitive;
use crate::wire::{WaitForSyncObjectFromCpu, WaitForSyncObjectFromGpu};

impl Shared {
    pub(super) fn wait_from_cpu(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: WaitForSyncObjectFromCpu = call.read();
        let (device, event) = (
            Handle(request.device.get()),
            request.guest_event_pointer.get(),
        );
        let at = size_of::<WaitForSyncObjectFromCpu>();
        let handles = call.handles(at, request.object_count.get())?;
        let values = call.longs(at + 4 * handles.len(), handles.len())?;
        if handles.is_empty() || event == 0 {
            return broken(format!("{} objects, event {event}", handles.len()));
        }
        let process = self.processes.get(&call.process);
        let objects = &process.ok_or(NtStatus::INVALID_HANDLE)?.objects;
        objects.select::<Device>(position, device)?;
        let flags = request.flags.get();
        if flags & !WaitForSyncObjectFromCpu::ANY != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let mut conditions = Vec::with_capacity(handles.len());
        for (&handle, value) in handles.iter().zip(values) {
            let named = Named::find(objects, &self.engine, position, handle)?;
            if !named.is_watched() {
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
            named.check_wait()?;
            conditions.push(Condition {
                handle,
                sync: named.sync,
                value,
            });
        }
        let process = call.process;
        self.engine.wait(CpuWait {
            owner: Owner { process, device },
            event,
            any: flags != 0,
            conditions,
        })?;
        success()
    }

    pub(super) fn wait_from_gpu(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: WaitForSyncObjectFromGpu = call.read();
        let count = request.object_count.get();
        let legacy = request.legacy_fence_object;
        if !(1..=WaitForSyncObjectFromGpu::COUNT_MAX).contains(&count) || legacy > 1 {
            return broken(format!("{count} objects, {legacy} for their kind"));
        }
        let legacy = legacy == 1;
        let at = WaitForSyncObjectFromGpu::VALUES_OFFSET;
        // CAST: at most COUNT_MAX.
        let values = call.longs(at, count as usize)?;
        let handles = call.handles(at + 8 * values.len(), count)?;
        let process = self.processes.get(&call.process);
        let objects = &process.ok_or(NtStatus::INVALID_HANDLE)?.objects;
        let queue = queue_selected(objects, position, Handle(request.context.get()))?;
        let mut conditions = Vec::with_capacity(handles.len());
        for (index, &handle) in handles.iter().enumerate() {
            let named = Named::find(objects, &self.engine, position, handle)?;
            let for_cpus = matches!(named.primitive, Primitive::CpuNotification { .. });
            if for_cpus || named.is_watched() == legacy {
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
            named.check_wait()?;
            // Only the first value of a legacy wait means anything.
            let value = if legacy { values[0] } else { values[index] };
            conditions.push((named.sync, value));
        }
        let wait = Item::Wait(conditions);
        self.engine.submit(&[queue], &wait, Instant::now())?;
        success()
    }
}
