// SPDX-License-Identifier: GPL-2.0

//! Sync files.

use super::{
    entry,
    sync_object::open_shared,
    user_args::Argument,
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    linux::{
        anon_file,
        sync_file, //
    },
    message::{
        sync_object::{
            DestroySyncObject,
            OpenSyncObject, //
        },
        wait::{
            Awaited,
            WaitForSyncObjectFromCpu,
            WaitForSyncObjectFromGpu, //
        }, //
    },
    objects::{
        context::Context,
        device::DeviceGuard,
        process::{
            Place,
            Process, //
        },
        shared::SharedSyncObject,
        sync_file::{
            SharedFence,
            SyncFile, //
        },
        sync_object::SyncObject,
        waits::{
            Ticket,
            Wait, //
        }, //
    },
    uapi::{
        sync_file as abi,
        sync_object::sync_flags, //
    },
    wire::Handle,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<CreateSyncFile>(),
    entry::<WaitSyncFile>(),
    entry::<OpenSyncObjectFromSyncFile>(),
];

/// What may be done with a fence that comes out of a sync file: wait.
const FLAGS: u32 = sync_flags::SHARED | sync_flags::NT_SECURITY_SHARING | sync_flags::NO_SIGNAL;

/// The sync file that a field of 64 bits names, and its fence, which is shared.
///
/// # Errors
///
/// `EINVAL` if it names none of ours, several in one, or one whose fence is not shared.
fn shared_file(handle: u64) -> Result<(Arc<SyncFile>, Arc<SharedSyncObject>)> {
    // CAST: A descriptor is in the lower half; the upper one does not count.
    let file = sync_file::fence(handle as u32)?
        .payload::<SyncFile>()
        .ok_or(EINVAL)?;
    let shared = file.shared().ok_or(EINVAL)?.clone();

    Ok((file, shared))
}

/// 0x45: makes a file that signals when a monitored fence reaches a value.
struct CreateSyncFile;

impl CreateSyncFile {
    /// What keeps `object` on the host, if it is shared.
    fn export(process: &Process, object: &SyncObject) -> Result<Option<SharedFence>> {
        let Some(shared) = &object.shared else {
            return Ok(None);
        };

        Ok(Some(SharedFence {
            object: shared.clone(),
            _export: shared.exports.export(process, object.handle)?,
        }))
    }

    /// Asks the host to end `wait` when `object` reaches `value`.
    fn begin(
        process: &Process,
        device: &DeviceGuard,
        object: Handle,
        value: u64,
        wait: Arc<dyn Wait>,
    ) -> Result<Ticket> {
        let ticket = device.waits().begin(
            &process.services().notices.events,
            process.event_permit()?,
            wait,
        )?;

        device.active().call(
            process.on_host()?,
            WaitForSyncObjectFromCpu {
                device: device.handle(),
                flags: 0,
                event: ticket.event(),
                object_count: 1,
                arrays: |objects: &mut [u8], values: &mut [u8]| {
                    object.write_to(objects).map_err(|_| EINVAL)?;
                    value.write_to(values).map_err(|_| EINVAL)
                },
            },
        )?;
        Ok(ticket)
    }
}

impl Ioctl for CreateSyncFile {
    const REQUEST: u32 = 0xC018_4745;

    type Argument = abi::CreateSyncFile;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let value = argument.fence_value;
        let descriptor = anon_file::reserve_fd()?;
        let device = process.device(argument.device)?;
        let object = process.get::<SyncObject>(argument.monitored_fence)?;

        if !object.is_monitored() || !Arc::ptr_eq(&object.adapter, device.adapter()) {
            return Err(EINVAL);
        }

        let _pass = object.enter()?;
        let shared = Self::export(process, &object)?;
        let (fence, file, wait) = SyncFile::new(shared, value, process.services())?;
        let ticket = Self::begin(process, &device, object.handle, value, wait)?;
        let new = sync_file::new_file(&fence)?;
        let mut answer = *argument;

        answer.sync_file_handle = u64::from(descriptor.reserved_fd());
        argument.write_back(&answer)?;
        file.keep(ticket);
        descriptor.fd_install(new);
        Ok(0)
    }
}

/// 0x46: a context waits for what a sync file stands for.
struct WaitSyncFile;

impl Ioctl for WaitSyncFile {
    const REQUEST: u32 = 0xC010_4746;

    type Argument = abi::WaitSyncFile;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let (file, shared) = shared_file(argument.sync_file_handle)?;
        let device = process.get::<Context>(argument.context)?.device().enter()?;

        // The host knows its handle on no other adapter.
        if !Arc::ptr_eq(&shared.adapter, device.adapter()) {
            return Err(EINVAL);
        }

        let opened = process.call_host(OpenSyncObject {
            device: device.handle(),
            global: shared.global,
            engine_affinity: 0,
            flags: FLAGS,
        })?;
        let place = Place {
            handle: opened.handle,
            parent: None,
        };
        // It is never published, and so destroyed in the end. The wait goes on.
        let _temporary = process.newborn(&[place], || {
            let _ = process.call_host(DestroySyncObject::from(opened.handle));
        })?;

        device.active().submit(
            process.on_host()?,
            WaitForSyncObjectFromGpu {
                context: argument.context,
                awaited: Awaited::Monitored(&[opened.handle], &[file.value()]),
            },
        )
    }
}

/// 0x47: opens the fence that a sync file stands for.
struct OpenSyncObjectFromSyncFile;

impl Ioctl for OpenSyncObjectFromSyncFile {
    const REQUEST: u32 = 0xC028_4747;

    type Argument = abi::OpenSyncObjectFromSyncFile;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let (file, shared) = shared_file(argument.sync_file_handle)?;
        let device = caller.process.device(argument.device)?;

        open_shared(caller.process, &device, &shared, 0, FLAGS, |opened| {
            let mut answer = *argument;

            answer.syncobj = opened.handle;
            answer.fence_value = file.value();
            answer.fence_value_cpu_va = opened.cpu_address;
            answer.fence_value_gpu_va = opened.gpu_address;
            argument.write_back(&answer)
        })?;
        Ok(0)
    }
}
