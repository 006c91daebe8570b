// SPDX-License-Identifier: GPL-2.0
//! Sync objects: made, signalled, waited for.

mod create;
mod signal;
mod wait;

use super::super::call::{Call, Fail, Reply};
use super::super::shared::Shared;
use crate::command::SyncCommand;
use crate::engine::Engine;
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
struct Named<'a> {
    sync: SyncId,
    /// `None` for the fence of a queue, which has no flags.
    flags: Option<SyncFlags>,
    primitive: &'a Primitive,
}

impl<'a> Named<'a> {
    fn find(
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

    /// Whether it may be waited for by the GPU, or a CPU.
    fn may_wait(&self, gpu: bool) -> bool {
        self.flags.is_none_or(|flags| flags.may_wait(gpu))
    }

    /// Whether it may be signalled by the GPU, or a CPU.
    fn may_signal(&self, gpu: bool) -> bool {
        self.flags.map_or(gpu, |flags| flags.may_signal(gpu))
    }
}
