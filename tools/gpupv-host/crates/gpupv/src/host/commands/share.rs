// SPDX-License-Identifier: GPL-2.0
//! What processes share, with each other and with the host.

use super::super::call::{answer, success, Call, Fail, Reply};
use super::super::shared::{NtObject, Shared, VmObject};
use super::work::active_device;
use crate::behaviour::CrossAdapter;
use crate::command::ShareCommand;
use crate::device::Device;
use crate::handles::Handle;
use crate::memory::{MemoryId, SharedResource};
use crate::payload::{Objects, Payload};
use crate::status::NtStatus;
use crate::sync::{SyncFlags, SyncId, SyncObject};
use crate::wire::{
    CreateNtSharedObject, DestroyNtSharedObject, DestroySyncObject, OpenSyncObject,
    OpenSyncObjectReturn, ShareObjectWithHost, ShareObjectWithHostReturn,
};

impl Shared {
    pub(in crate::host) fn share_command(
        &mut self,
        command: ShareCommand,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            ShareCommand::OpenSyncObject => self.open_sync_object(call),
            ShareCommand::DestroySyncObject => self.destroy_sync_object(call),
            ShareCommand::CreateNtSharedObject => self.create_nt_handle(call),
            ShareCommand::DestroyNtSharedObject => self.destroy_nt_handle(call),
            ShareCommand::ShareObjectWithHost => self.share_with_host(call),
        }
    }

    fn open_sync_object(&mut self, call: &Call<'_>) -> Reply {
        let request: OpenSyncObject = call.read();
        let device = Handle(request.device.get());
        let objects = &self.process(call)?.objects;
        // Nothing but the device says which adapter is meant.
        let position = objects.get(device).map_or(0, |object| object.adapter);
        objects.select::<Device>(position, device)?;
        active_device(objects, device)?;
        let sync = self.global_sync(Handle(request.global_sync_object.get()))?;
        let flags = SyncFlags(request.flags.get());
        let here = self.engine.opens_on(sync, position)
            || self.behaviour.cross_adapter == CrossAdapter::Tolerate;
        let possible = here && flags.are_possible() && request.engine_affinity.get() <= 1;
        if !possible {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        self.engine.add_handle(sync);
        let handle = self.add_sync_object(position, call, device, SyncObject { sync, flags })?;
        let fence = self.engine.primitive(sync).and_then(|p| p.watched());
        let fence = fence.map(|fence| self.fence_address(fence, flags));
        let fence = fence.unwrap_or_default();
        answer(&OpenSyncObjectReturn {
            sync_object: handle.0.into(),
            status: NtStatus::SUCCESS.0.into(),
            gpu_virtual_address: fence.gpu.into(),
            guest_cpu_physical_address: fence.guest.into(),
        })
    }

    /// The sync object that a handle of the virtual machine names. Drivers keep these handles, users
    /// never see them.
    fn global_sync(&self, handle: Handle) -> Result<SyncId, Fail> {
        match self.handles.get(handle) {
            Some(VmObject::GlobalSync(sync)) => Ok(*sync),
            None if self.handles.was_given(handle) => Err(NtStatus::INVALID_PARAMETER.into()),
            _ => {
                let text = format!("shared sync object {handle}");
                Err(Fail::Violation(NtStatus::INVALID_HANDLE, text))
            }
        }
    }

    fn destroy_sync_object(&mut self, call: &Call<'_>) -> Reply {
        let request: DestroySyncObject = call.read();
        let handle = Handle(request.sync_object.get());
        let objects = &self.process(call)?.objects;
        let Some(Payload::SyncObject(object)) = objects.get(handle).map(|o| &o.payload) else {
            return Err(NtStatus::INVALID_PARAMETER.into());
        };
        let (sync, flags) = (object.sync, object.flags);
        if flags.ends_waits_with_handle() {
            self.engine.end_waits_by(call.process, handle, sync);
        }
        self.remove_object(call, handle)?;
        success()
    }

    fn create_nt_handle(&mut self, call: &Call<'_>) -> Reply {
        let request: CreateNtSharedObject = call.read();
        let shared = self.share(call, Handle(request.object.get()))?;
        let handle = self.insert_shared(VmObject::NtShared(shared));
        let Some(handle) = handle else {
            self.drop_share(shared);
            return Err(NtStatus::NO_MEMORY.into());
        };
        Ok(handle.0.to_le_bytes().to_vec())
    }

    /// Takes a reference to an object that may be shared.
    fn share(&mut self, call: &Call<'_>, handle: Handle) -> Result<NtObject, Fail> {
        let objects = &mut self.process(call)?.objects;
        let adapter = objects.get(handle).map(|object| object.adapter);
        let adapter = adapter.ok_or(NtStatus::INVALID_PARAMETER)?;
        match objects.payload_mut(handle) {
            Some(Payload::SyncObject(object)) => {
                let sync = object.sync;
                if !self.engine.is_shared(sync) {
                    return Err(NtStatus::INVALID_PARAMETER.into());
                }
                self.engine.add_share(sync);
                Ok(NtObject::Sync(sync))
            }
            Some(Payload::Resource(resource)) if resource.shared => {
                // Others are told how many allocations it has.
                resource.sealed = true;
                let memories = memories(objects, handle);
                let shared = SharedResource { adapter, memories };
                Ok(NtObject::Resource(self.memories.share(shared)))
            }
            _ => Err(NtStatus::INVALID_PARAMETER.into()),
        }
    }

    fn destroy_nt_handle(&mut self, call: &Call<'_>) -> Reply {
        let request: DestroyNtSharedObject = call.read();
        let handle = Handle(request.shared_handle.get());
        match self.handles.get(handle) {
            Some(&VmObject::NtShared(shared)) => {
                self.handles.remove(handle);
                self.drop_share(shared);
                success()
            }
            None if self.handles.was_given(handle) => Err(NtStatus::INVALID_PARAMETER.into()),
            _ => {
                let text = format!("NT handle {handle}");
                Err(Fail::Violation(NtStatus::INVALID_HANDLE, text))
            }
        }
    }

    fn drop_share(&mut self, shared: NtObject) {
        match shared {
            NtObject::Sync(sync) => self.engine.drop_share(sync),
            NtObject::Resource(resource) => self.memories.unshare(resource),
        }
    }

    /// The guest can destroy its NT handles no more: all of them go.
    pub(in crate::host) fn drop_shares(&mut self) {
        let shares: Vec<(Handle, NtObject)> = self.nt_handles().collect();
        for (handle, shared) in shares {
            self.handles.remove(handle);
            self.drop_share(shared);
        }
    }

    /// All NT handles.
    pub(in crate::host) fn nt_handles(&self) -> impl Iterator<Item = (Handle, NtObject)> + '_ {
        self.handles.iter().filter_map(|(handle, object)| {
            let VmObject::NtShared(shared) = object else {
                return None;
            };
            Some((handle, *shared))
        })
    }

    fn share_with_host(&mut self, call: &Call<'_>) -> Reply {
        /// What tells these handles from others that a user sees.
        const HOST_HANDLES: u64 = 1 << 32;
        /// What tells resources from sync objects.
        const RESOURCES: u64 = 1 << 31;
        let request: ShareObjectWithHost = call.read();
        let device = Handle(request.device_handle.get());
        let objects = &self.process(call)?.objects;
        // Users name both, unchecked.
        let position = objects.get(device).map(|object| object.adapter);
        let position = position.ok_or(NtStatus::INVALID_PARAMETER)?;
        objects.named::<Device>(position, device)?;
        let object = Handle(request.object_handle.get());
        let found = objects.get(object).filter(|o| o.adapter == position);
        let number = match found.map(|object| &object.payload) {
            Some(Payload::SyncObject(object)) => {
                let sync = object.sync;
                if !self.engine.is_shared(sync) {
                    return Err(NtStatus::INVALID_PARAMETER.into());
                }
                sync.0
            }
            Some(Payload::Resource(resource)) if resource.shared => {
                let first = memories(objects, object).first().copied();
                RESOURCES | first.ok_or(NtStatus::INVALID_PARAMETER)?.number()
            }
            _ => return Err(NtStatus::INVALID_PARAMETER.into()),
        };
        // The host only learns which object is meant: its handle keeps nothing alive.
        answer(&ShareObjectWithHostReturn {
            status: NtStatus::SUCCESS.0.into(),
            alignment: 0.into(),
            vail_nt_handle: ((HOST_HANDLES | number) << 2).into(),
        })
    }
}

/// The memories of a resource's allocations.
fn memories(objects: &Objects, resource: Handle) -> Vec<MemoryId> {
    let Some(Payload::Resource(resource)) = objects.get(resource).map(|o| &o.payload) else {
        return Vec::new();
    };
    let memory = |handle: &Handle| match &objects.get(*handle)?.payload {
        Payload::Allocation(allocation) => Some(allocation.memory),
        _ => None,
    };
    resource.allocations.iter().filter_map(memory).collect()
}
