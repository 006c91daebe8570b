// SPDX-License-Identifier: GPL-2.0

//! Sync objects.

use super::{
    entry,
    user_args::{
        event_fd,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use crate::objects::sync_object::SyncFiles;
use crate::{
    linux::anon_file,
    message::sync_object as command,
    objects::{
        device::DeviceGuard,
        fence_page::FencePage,
        guest_event::Notification,
        object::Object,
        object_stats::Kind,
        process::{
            HandleSlot,
            Process, //
        },
        shared::{
            Exports,
            SharedSyncObject,
            SyncObjectFile, //
        },
        sync_object::{
            Owner,
            SyncObject, //
        },
    },
    uapi::sync_object::{
        self as abi,
        sync_flags,
        sync_type, //
    },
    wire::Handle, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<CreateSynchronizationObject2>(),
    entry::<DestroySynchronizationObject>(),
    entry::<OpenSyncObjectFromNtHandle2>(),
];

/// Maps the value of a fence that the host has just created or opened.
fn map_value(
    process: &Process,
    device: &DeviceGuard,
    made: &command::NewSyncObject,
) -> Result<FencePage> {
    FencePage::map(process, device.adapter(), made.page)
}

/// Returns the table slot of a sync object. Only monitored fences have the device as parent.
fn slot(device: &DeviceGuard, handle: Handle, monitored: bool) -> HandleSlot {
    HandleSlot {
        handle,
        parent: monitored.then(|| device.handle()),
    }
}

/// Returns the owner of a sync object: the device for monitored fences, else the process.
fn owner(device: &DeviceGuard, monitored: bool) -> Owner {
    if monitored {
        Owner::Device(device.device().clone())
    } else {
        Owner::Process
    }
}

/// Creates the part of a new shared object that all its openers share.
fn share(
    process: &Process,
    device: &DeviceGuard,
    made: &command::NewSyncObject,
    monitored: bool,
) -> Result<Arc<SharedSyncObject>> {
    if made.global.is_none() {
        return Err(EINVAL);
    }

    let driver_data = process.driver_data();
    let shared = SharedSyncObject {
        adapter: device.adapter().clone(),
        monitored,
        global: made.global,
        exports: Exports::new(process.host(), driver_data)?,
        _counted: driver_data.object_stats.count(Kind::SharedObject),
    };

    Ok(Arc::new(shared, GFP_KERNEL_ACCOUNT)?)
}

/// 0x10: creates a sync object.
struct CreateSynchronizationObject2;

impl Ioctl for CreateSynchronizationObject2 {
    const REQUEST: u32 = 0xC060_4710;

    type Argument = abi::CreateSynchronizationObject2;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let driver_data = process.driver_data();
        let device = process.device(argument.device)?;
        let mut answer = *argument;
        let flags = argument.info.flags;
        let is_shared = flags & sync_flags::SHARED != 0;
        let monitored = argument.info.is_monitored();

        if is_shared && flags & sync_flags::NT_SECURITY_SHARING == 0 {
            return Err(EINVAL);
        }

        let notification = match (argument.info.r#type, &mut answer.info.details) {
            (sync_type::CPU_NOTIFICATION, [event, ..]) => {
                let notification = Notification::new(
                    &driver_data.host_events.events,
                    process.charge_event()?,
                    event_fd(*event)?,
                )?;

                *event = notification.event();
                Some(notification)
            }
            _ => None,
        };
        let made = device.active().call(
            process.on_host()?,
            command::CreateSyncObject { request: answer },
        )?;
        let pending = process.reserve_handles(&[slot(&device, made.handle, monitored)], || {
            let _ = process.tell_host(|| command::DestroySyncObject::from(made.handle));
        })?;
        let shared = is_shared
            .then(|| share(process, &device, &made, monitored))
            .transpose()?;
        let page = monitored
            .then(|| map_value(process, &device, &made))
            .transpose()?;

        if let Some(page) = &page {
            answer.info.set_addresses(page.address(), made.gpu_address);
        }
        if is_shared {
            answer.info.shared_handle = made.global;
        }
        answer.sync_object = made.handle;

        let object = SyncObject {
            handle: made.handle,
            adapter: device.adapter().clone(),
            owner: owner(&device, monitored),
            page,
            shared,
            #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
            files: SyncFiles::new(flags),
            _notification: notification,
            _counted: driver_data.object_stats.count(Kind::SyncObject),
        };
        let object = Arc::new(object, GFP_KERNEL_ACCOUNT)?;

        argument.write_back(&answer)?;
        pending.publish([Object::Sync(object)])?;
        Ok(0)
    }
}

/// 0x1D: destroys a sync object.
struct DestroySynchronizationObject;

impl Ioctl for DestroySynchronizationObject {
    const REQUEST: u32 = 0xC004_471D;

    type Argument = abi::DestroySynchronizationObject;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        caller.process.remove_sync_object(argument.sync_object)
    }
}

/// Results of opening a shared sync object, to be reported to the program.
pub(super) struct Opened {
    /// Handle of the opened object.
    pub(super) handle: Handle,
    /// Address of the value of a monitored fence in the program, else 0.
    pub(super) cpu_address: u64,
    /// GPU virtual address of the value.
    pub(super) gpu_address: u64,
}

/// Opens a shared sync object on a device of any adapter: the host decides whether that is
/// possible. The handle is published when `tell` has reported it to the program.
///
/// # Errors
///
/// Those of the host and of `tell`; `ENOMEM`.
pub(super) fn open_shared(
    process: &Process,
    device: &DeviceGuard,
    shared: &Arc<SharedSyncObject>,
    engine_affinity: u32,
    flags: u32,
    tell: impl FnOnce(&Opened) -> Result,
) -> Result {
    let monitored = shared.monitored;
    let opened = process.call_host_about(
        device.adapter(),
        command::OpenSyncObject {
            device: device.handle(),
            global: shared.global,
            engine_affinity: if monitored { engine_affinity } else { 0 },
            flags,
        },
    )?;
    let pending = process.reserve_handles(&[slot(device, opened.handle, monitored)], || {
        let _ = process.tell_host(|| command::DestroySyncObject::from(opened.handle));
    })?;
    let page = monitored
        .then(|| map_value(process, device, &opened))
        .transpose()?;
    let told = Opened {
        handle: opened.handle,
        cpu_address: page.as_ref().map_or(0, |page| page.address()),
        gpu_address: opened.gpu_address,
    };
    let object = SyncObject {
        handle: opened.handle,
        adapter: device.adapter().clone(),
        owner: owner(device, monitored),
        page,
        shared: Some(shared.clone()),
        #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
        files: SyncFiles::new(flags),
        _notification: None,
        _counted: process.driver_data().object_stats.count(Kind::SyncObject),
    };
    let object = Arc::new(object, GFP_KERNEL_ACCOUNT)?;

    tell(&told)?;
    pending.publish([Object::Sync(object)])
}

/// 0x40: opens a shared sync object by its file descriptor.
struct OpenSyncObjectFromNtHandle2;

impl Ioctl for OpenSyncObjectFromNtHandle2 {
    const REQUEST: u32 = 0xC058_4740;

    type Argument = abi::OpenSyncObjectFromNtHandle2;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let device = process.device(argument.device)?;
        // CAST: The descriptor is in the lower half; the ABI ignores the upper one.
        let file = anon_file::object::<SyncObjectFile>(argument.nt_handle as u32)?;

        open_shared(
            process,
            &device,
            &file.object,
            argument.engine_affinity,
            argument.flags,
            |opened| {
                let mut answer = *argument;

                if file.object.monitored {
                    answer.fence_value_cpu_va = opened.cpu_address;
                    answer.fence_value_gpu_va = opened.gpu_address;
                }
                answer.sync_object = opened.handle;
                argument.write_back(&answer)
            },
        )?;
        Ok(0)
    }
}
