// SPDX-License-Identifier: GPL-2.0
//! Sync objects: made, signalled, waited for.

mod create;
mod signal;
mod wait;

use super::super::call::{Call, Fail, Reply};
use super::super::shared::Shared;
use crate::behaviour::FencePages;
use crate::command::SyncCommand;
use crate::engine::Engine;
use crate::fence::Fence;
use crate::handles::Handle;
use crate::payload::{Objects, Payload};
use crate::status::NtStatus;
use crate::sync::{Primitive, SyncFlags, SyncId};

impl Shared {
    pub(in crate::host) fn sync_command(
        &mut self,
        command: SyncCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            SyncCommand::CreateSyncObject => self.create_sync_object(position, call),
            SyncCommand::SignalSyncObject => self.signal_sync_object(position, call),
            SyncCommand::WaitForSyncObjectFromCpu => self.wait_from_cpu(position, call),
            SyncCommand::WaitForSyncObjectFromGpu => self.wait_from_gpu(position, call),
        }
    }
}

/// Something that users name to wait for it or to signal it.
pub(super) struct Named<'a> {
    pub(super) sync: SyncId,
    /// `None` for the fence of a queue, which has no flags.
    flags: Option<SyncFlags>,
    pub(super) primitive: &'a Primitive,
}

impl<'a> Named<'a> {
    /// Finds it.
    ///
    /// # Errors
    ///
    /// The handle names nothing of that kind on the adapter at `position`.
    pub(super) fn find(
        objects: &Objects,
        engine: &'a Engine,
        position: usize,
        handle: Handle,
    ) -> Result<Self, Fail> {
        let object = objects
            .get(handle)
            .filter(|object| object.adapter == position);
        let (sync, flags) = match object.map(|object| &object.payload) {
            Some(Payload::SyncObject(object)) => (object.sync, Some(object.flags)),
            Some(Payload::MonitoredFence(fence)) => (fence.sync, None),
            _ => return Err(NtStatus::INVALID_PARAMETER.into()),
        };
        let primitive = engine.primitive(sync);
        Ok(Self {
            sync,
            flags,
            primitive: primitive.ok_or(NtStatus::INVALID_PARAMETER)?,
        })
    }

    fn is_watched(&self) -> bool {
        self.primitive.watched().is_some()
    }

    /// Checks that the handle gives the right to wait for it.
    ///
    /// # Errors
    ///
    /// It does not.
    pub(super) fn check_wait(&self) -> Result<(), NtStatus> {
        allowed(self.flags.is_none_or(SyncFlags::may_wait))
    }

    /// Checks that the handle gives the right to signal it.
    ///
    /// # Errors
    ///
    /// It does not.
    pub(super) fn check_signal(&self) -> Result<(), NtStatus> {
        allowed(self.flags.is_none_or(SyncFlags::may_signal))
    }

    /// Whether it belongs to a queue, which alone signals it, together with other work of queues.
    fn is_of_queue(&self) -> bool {
        self.flags.is_none()
    }
}

/// Where a fence is, as guests are told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FenceAddress {
    /// For the GPU; 0 if it has no access.
    pub(super) gpu: u64,
    /// In the guest's address space.
    pub(super) guest: u64,
    /// From there to the value, in bytes.
    pub(super) offset: u32,
}

impl Shared {
    /// Says where a fence is, to who has a handle with these flags.
    pub(super) fn fence_address(&self, fence: &Fence, flags: SyncFlags) -> FenceAddress {
        let gpu = match flags.has_gpu_address() {
            true => fence.gpu_address(),
            false => 0,
        };
        let (page, offset) = (fence.page_address(), fence.offset());
        // CAST: within a page.
        let (guest, offset) = match self.behaviour.fence_pages {
            FencePages::Address => (page + offset, 0),
            FencePages::Own | FencePages::Offset => (page, offset as u32),
        };
        FenceAddress { gpu, guest, offset }
    }
}

fn allowed(right: bool) -> Result<(), NtStatus> {
    match right {
        true => Ok(()),
        false => Err(NtStatus::ACCESS_DENIED),
    }
}
