// SPDX-License-Identifier: GPL-2.0

//! Sharing objects by file descriptor.

use super::{
    entry,
    user_args::{
        read_value,
        write_slice,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    linux::{
        anon_file,
        errno, //
    },
    message::share as command,
    objects::{
        object::Object,
        process::Process,
        resource::Resource,
        shared::SyncObjectFile,
        shared_resource::ResourceFile,
        sync_object::SyncObject, //
    },
    uapi::share as abi, //
};
use kernel::{
    fs::File,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
};

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<ShareObjects>(), entry::<ShareObjectWithHost>()];

/// 0x3F: creates a file descriptor by which other processes can open an object.
struct ShareObjects;

impl Ioctl for ShareObjects {
    const REQUEST: u32 = 0xC028_473F;

    type Argument = abi::ShareObjects;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        if argument.object_count != 1 {
            return Err(EINVAL);
        }

        let object = caller.process.object(read_value(argument.objects)?)?;
        let descriptor = anon_file::reserve_fd().map_err(|_| errno::enotrecoverable())?;
        let file = match object {
            Object::Sync(object) => sync_object_file(caller.process, &object)?,
            Object::Resource(resource) => resource_file(caller.process, &resource)?,
            _ => return Err(EINVAL),
        };

        write_slice(
            argument.shared_handle,
            &[u64::from(descriptor.reserved_fd())],
        )?;
        descriptor.fd_install(file);
        Ok(0)
    }
}

/// Creates a file that refers to a shared sync object.
fn sync_object_file(process: &Process, object: &SyncObject) -> Result<ARef<File>> {
    let shared = object.shared.as_ref().ok_or(EINVAL)?;
    let pass = object.enter()?;
    let export = shared
        .exports
        .export(process, &shared.adapter, object.handle)?;

    drop(pass);

    let file = SyncObjectFile {
        object: shared.clone(),
        _export: export,
    };

    anon_file::new_file(c"dxgsyncobj", Arc::new(file, GFP_KERNEL_ACCOUNT)?)
}

/// Creates a file that refers to a shared resource, and seals the resource.
fn resource_file(process: &Process, resource: &Resource) -> Result<ARef<File>> {
    let shared = resource.shared().ok_or(EINVAL)?;
    let device = resource.device().enter()?;
    let export = shared
        .exports()
        .export(process, shared.adapter(), resource.handle())?;

    drop(device);
    shared.seal()?;

    let file = ResourceFile {
        resource: shared.clone(),
        export,
    };

    anon_file::new_file(c"dxgresource", Arc::new(file, GFP_KERNEL_ACCOUNT)?)
}

/// 0x44: creates an NT handle of an object for programs of the host. The host checks the handles
/// that the caller gives.
struct ShareObjectWithHost;

impl Ioctl for ShareObjectWithHost {
    const REQUEST: u32 = 0xC018_4744;

    type Argument = abi::ShareObjectWithHost;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let mut answer = *argument;

        answer.object_vail_nt_handle = caller.process.call_host(command::ShareObjectWithHost {
            device: argument.device_handle,
            object: argument.object_handle,
        })?;
        argument.write_back(&answer)?;
        Ok(0)
    }
}
