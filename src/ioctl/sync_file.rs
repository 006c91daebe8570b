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
        dma_fence::Fence,
        sync_file, //
    },
    message::{
        sync_object::{
            DestroySyncObject,
            NewSyncObject,
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
        fence_files::FenceFile,
        fence_import::{
            NewImport,
            SIGNALLED, //
        },
        process::{
            HandleSlot,
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
    wire::Handle, //
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

/// Flags of a fence that is opened from a sync file: it can be waited for, but not signalled.
const FLAGS: u32 = sync_flags::SHARED | sync_flags::NT_SECURITY_SHARING | sync_flags::NO_SIGNAL;

/// Returns the fence of a sync file of any driver, whose descriptor the ABI passes as 64 bits.
///
/// # Errors
///
/// `EINVAL` if the descriptor is not a sync file.
fn named(handle: u64) -> Result<Fence> {
    // CAST: The descriptor is in the lower half; the ABI ignores the upper one.
    sync_file::fence(handle as u32)
}

/// Returns the sync file behind `fence` and the shared sync object it stands for. `None` if the
/// fence is of another driver, merged from several, or made from a monitored fence that is not
/// shared.
fn shared(fence: &Fence) -> Option<(Arc<SyncFile>, Arc<SharedSyncObject>)> {
    let file = fence.payload::<SyncFile>()?;
    let shared = file.shared()?.clone();

    Some((file, shared))
}

/// 0x45: creates a sync file that signals when a monitored fence reaches a value.
struct CreateSyncFile;

impl CreateSyncFile {
    /// Exports `object`, if it is shared, which keeps it alive on the host.
    fn export(process: &Process, object: &SyncObject) -> Result<Option<SharedFence>> {
        let Some(shared) = &object.shared else {
            return Ok(None);
        };

        Ok(Some(SharedFence {
            object: shared.clone(),
            _export: shared
                .exports
                .export(process, &shared.adapter, object.handle)?,
        }))
    }

    /// Asks the host to end `wait` when `object` reaches `value`. The wait lasts as long as the
    /// fence and its device exist, whichever device the program has named.
    fn begin(
        process: &Process,
        object: &SyncObject,
        value: u64,
        wait: Arc<dyn Wait>,
    ) -> Result<(Ticket, FenceFile)> {
        let (files, device) = object.sync_files(process)?;
        let device = device.enter()?;
        let ticket = device.waits().begin(
            &process.driver_data().host_events.events,
            process.charge_event()?,
            wait,
        )?;
        let file = files.enter(&ticket, value)?;

        device.active().call(
            process.on_host()?,
            WaitForSyncObjectFromCpu {
                device: device.handle(),
                flags: 0,
                event: ticket.event(),
                object_count: 1,
                arrays: |objects: &mut [u8], values: &mut [u8]| {
                    object.handle.write_to(objects).map_err(|_| EINVAL)?;
                    value.write_to(values).map_err(|_| EINVAL)
                },
            },
        )?;
        Ok((ticket, file))
    }
}

impl Ioctl for CreateSyncFile {
    const REQUEST: u32 = 0xC018_4745;

    type Argument = abi::CreateSyncFile;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let value = argument.fence_value;
        let descriptor = anon_file::reserve_fd()?;
        let _device = process.device(argument.device)?;
        let object = process.get::<SyncObject>(argument.monitored_fence)?;

        if !object.is_monitored() {
            return Err(EINVAL);
        }

        let _pass = object.enter()?;
        let shared = Self::export(process, &object)?;
        let (fence, file, wait) = SyncFile::new(shared, value, process.driver_data())?;
        let begun = Self::begin(process, &object, value, wait.clone())?;
        let new = sync_file::new_file(&fence)?;
        let mut answer = *argument;

        answer.sync_file_handle = u64::from(descriptor.reserved_fd());
        argument.write_back(&answer)?;
        file.keep(begun, wait);
        descriptor.fd_install(new);
        Ok(0)
    }
}

/// 0x46: makes a context wait for a sync file.
struct WaitSyncFile;

impl WaitSyncFile {
    /// Opens `shared` on the host, for the device of the context that is to wait.
    fn open_on_host(
        process: &Process,
        device: &DeviceGuard,
        shared: &SharedSyncObject,
    ) -> Result<NewSyncObject> {
        process.call_host_about(
            device.adapter(),
            OpenSyncObject {
                device: device.handle(),
                global: shared.global,
                engine_affinity: 0,
                flags: FLAGS,
            },
        )
    }

    /// Makes the context wait until the fence that was `opened` on the host reaches `value`.
    fn wait_on_host(
        process: &Process,
        device: &DeviceGuard,
        context: Handle,
        opened: &NewSyncObject,
        value: u64,
    ) -> Result<isize> {
        let slot = HandleSlot {
            handle: opened.handle,
            parent: None,
        };
        // The handle is never published, so the object is destroyed on return. The wait of the GPU
        // goes on.
        let _temporary = process.reserve_handles(&[slot], || {
            let _ = process.call_host(DestroySyncObject::from(opened.handle));
        })?;

        Self::submit(process, device, context, opened.handle, value)
    }

    /// Makes the context wait for `fence`, which the host does not know.
    fn wait_for_guest(
        process: &Arc<Process>,
        device: &DeviceGuard,
        context: Handle,
        fence: Fence,
    ) -> Result<isize> {
        if fence.status().is_some() {
            return Ok(0);
        }

        let import = NewImport::new(process, device, fence)?;
        let result = Self::submit(process, device, context, import.handle(), SIGNALLED);

        match result {
            Ok(_) => import.follow(),
            Err(_) => import.end(),
        }
        result
    }

    /// Makes `context` wait until `object` has reached `value`.
    fn submit(
        process: &Process,
        device: &DeviceGuard,
        context: Handle,
        object: Handle,
        value: u64,
    ) -> Result<isize> {
        device.active().submit(
            process.on_host()?,
            WaitForSyncObjectFromGpu {
                context,
                awaited: Awaited::Monitored(&[object], &[value]),
            },
        )
    }
}

impl Ioctl for WaitSyncFile {
    const REQUEST: u32 = 0xC010_4746;

    type Argument = abi::WaitSyncFile;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let context = argument.context;
        let fence = named(argument.sync_file_handle)?;
        let device = process.get::<Context>(context)?.device().enter()?;

        if let Some((file, shared)) = shared(&fence) {
            match Self::open_on_host(process, &device, &shared) {
                Ok(opened) => {
                    return Self::wait_on_host(process, &device, context, &opened, file.value());
                }
                // The host may be unable to open the fence on another adapter. The guest waits for
                // it then.
                Err(error)
                    if error == EINVAL && !Arc::ptr_eq(&shared.adapter, device.adapter()) => {}
                Err(error) => return Err(error),
            }
        }
        Self::wait_for_guest(process, &device, context, fence)
    }
}

/// 0x47: opens the monitored fence that a sync file stands for.
struct OpenSyncObjectFromSyncFile;

impl Ioctl for OpenSyncObjectFromSyncFile {
    const REQUEST: u32 = 0xC028_4747;

    type Argument = abi::OpenSyncObjectFromSyncFile;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let (file, shared) = shared(&named(argument.sync_file_handle)?).ok_or(EINVAL)?;
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
