// SPDX-License-Identifier: GPL-2.0
//! New sync objects.

use std::time::{Duration, Instant};

use super::super::super::call::{answer, broken, Call, Fail, Reply};
use super::super::super::shared::{Shared, VmObject};
use super::super::work::active_device;
use crate::device::Device;
use crate::fence::Fence;
use crate::handles::Handle;
use crate::objects::Object;
use crate::payload::Payload;
use crate::status::NtStatus;
use crate::sync::{Primitive, SyncFlags, SyncId, SyncObject, PERIOD};
use crate::wire::{CreateSyncObject, CreateSyncObjectReturn, SyncInfo};

impl Shared {
    pub(super) fn create_sync_object(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: CreateSyncObject = call.read();
        let device = Handle(request.device.get());
        let objects = &self.process(call)?.objects;
        objects.select::<Device>(position, device)?;
        active_device(objects, device)?;
        let info = request.info();
        let flags = SyncFlags(info.flags());
        if !flags.are_possible() || !flags.fit(info.kind()) {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let primitive = self.new_primitive(call.process, info, flags)?;
        let fence = primitive.watched();
        let fence = fence.map(|fence| self.fence_address(fence, flags));
        let fence = fence.unwrap_or_default();
        let sync = self.engine.create_sync(position, primitive);
        let handle = self.add_sync_object(position, call, device, SyncObject { sync, flags })?;
        let global = if flags.is_shared() {
            let global = self.insert_shared(VmObject::GlobalSync(sync));
            let Some(global) = global else {
                self.remove_object(call, handle)?;
                return Err(NtStatus::NO_MEMORY.into());
            };
            self.engine
                .set_global(sync, global, flags.is_cross_adapter());
            global.0
        } else {
            0
        };
        answer(&CreateSyncObjectReturn {
            sync_object: handle.0.into(),
            global_sync_object: global.into(),
            fence_gpu_va: fence.gpu.into(),
            fence_storage_address: fence.guest.into(),
            fence_storage_offset: fence.offset.into(),
            padding: 0.into(),
        })
    }

    /// Gives a process a sync object. A reference to it is the caller's, and given up on failure.
    pub(in crate::host::commands) fn add_sync_object(
        &mut self,
        adapter: usize,
        call: &Call<'_>,
        device: Handle,
        object: SyncObject,
    ) -> Result<Handle, Fail> {
        let sync = object.sync;
        // What can be watched belongs to a device. The rest belongs to the process.
        let parent = self.is_watched(sync).then_some(device);
        let object = Object {
            adapter,
            parent,
            payload: Payload::SyncObject(object),
        };
        self.add_object(call, object)
            .inspect_err(|_| self.engine.drop_handle(sync))
    }

    fn is_watched(&self, sync: SyncId) -> bool {
        let primitive = self.engine.primitive(sync);
        primitive.is_some_and(|primitive| primitive.watched().is_some())
    }

    /// Makes the fence of a sync object. One that others may open has a page of its own.
    fn new_fence_for(
        &mut self,
        process: Handle,
        value: u64,
        flags: SyncFlags,
    ) -> Result<Fence, Fail> {
        match flags.is_shared() {
            true => self.new_fence(value),
            false => self.new_fence_of(process, value),
        }
    }

    fn new_primitive(
        &mut self,
        process: Handle,
        info: SyncInfo<'_>,
        flags: SyncFlags,
    ) -> Result<Primitive, Fail> {
        let refuse = Err(NtStatus::INVALID_PARAMETER.into());
        match info.kind() {
            1 => Ok(Primitive::Mutex {
                owned: info.word(0) != 0,
            }),
            2 => {
                let (max, count) = (info.word(0), info.word(4));
                if count > max {
                    return refuse;
                }
                Ok(Primitive::Semaphore { count, max })
            }
            3 => Ok(Primitive::Fence {
                value: info.long(0),
            }),
            4 if info.long(0) == 0 => broken("an event without an id".to_owned()),
            // Another process would not hear of it.
            4 if flags.is_shared() => refuse,
            4 => Ok(Primitive::CpuNotification {
                event: info.long(0),
            }),
            // One GPU at most, linked adapters are not offered.
            5 if info.word(24) > 1 => refuse,
            5 => {
                let fence = self.new_fence_for(process, info.long(0), flags)?;
                Ok(Primitive::Monitored(fence))
            }
            6 => {
                let (target, offset, affinity) = (info.word(4), info.long(8), info.word(32));
                // In units of 100 ns.
                let offset = Duration::from_nanos(offset.saturating_mul(100));
                if target != 0 || affinity > 1 || offset >= PERIOD {
                    return refuse;
                }
                Ok(Primitive::Periodic {
                    fence: self.new_fence_for(process, 0, flags)?,
                    next: Instant::now() + PERIOD + offset,
                })
            }
            _ => refuse,
        }
    }
}
