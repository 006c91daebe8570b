// SPDX-License-Identifier: GPL-2.0

//! Opening resources that were shared by file descriptor.

use super::{
    entry,
    user_args::{
        write_field,
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
        wait::WaitMode, //
    },
    message::{
        allocation::DestroyAllocation,
        open_resource::{
            self as command,
            Opened, //
        }, //
    },
    objects::{
        allocation::{
            Allocation,
            Description, //
        },
        device::DeviceGuard,
        object::Object,
        object_stats::Kind,
        process::{
            HandleSlot,
            Process, //
        },
        resource::Resource,
        shared_resource::{
            KeptAllocations,
            ResourceFile, //
        }, //
    },
    uapi::open_resource as abi,
    wire::Handle, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<QueryResourceInfoFromNtHandle>(),
    entry::<OpenResourceFromNtHandle>(),
];

/// Returns the shared resource of a descriptor, which the ABI passes as 64 bits.
///
/// # Errors
///
/// Those of [`anon_file::object`].
fn resource_file(nt_handle: u64) -> Result<Arc<ResourceFile>> {
    // CAST: The descriptor is in the lower half; the ABI ignores the upper one.
    anon_file::object(nt_handle as u32)
}

/// 0x41: returns the sizes of the buffers that are needed to open a resource.
struct QueryResourceInfoFromNtHandle;

impl Ioctl for QueryResourceInfoFromNtHandle {
    const REQUEST: u32 = 0xC028_4741;

    type Argument = abi::QueryResourceInfo;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let file = resource_file(argument.nt_handle)?;
        // No message is sent, but the caller is about to open the resource with this device.
        let _guard = caller.process.device(argument.device)?;

        caller.process.on_host()?;

        let kept = file.resource.seal()?;
        let data = file.resource.data();
        let mut answer = *argument;

        answer.private_runtime_data_size = u32::try_from(data.runtime.len())?;
        answer.total_priv_drv_data_size = u32::try_from(kept.data().len())?;
        answer.resource_priv_drv_data_size = u32::try_from(data.resource.len())?;
        answer.allocation_count = u32::try_from(kept.allocations().len())?;
        argument.write_back(&answer)?;
        Ok(0)
    }
}

/// A request to open a resource, in progress.
struct Opening<'a> {
    process: &'a Process,
    device: &'a DeviceGuard,
    argument: &'a Argument<abi::OpenResource>,
    file: &'a ResourceFile,
    kept: &'a KeptAllocations,
}

impl Opening<'_> {
    /// Checks that the number of allocations is right, and that the buffers are large enough.
    ///
    /// # Errors
    ///
    /// As on Windows: `EINVAL`, also for a null pointer where data is to be written, but `ENOMEM`
    /// if the buffer for the data about the allocations is too small.
    fn check(&self) -> Result {
        let argument = self.argument;
        let data = self.file.resource.data();
        // CAST: `usize` has at least 32 bits.
        let has_room = |size: u32, data: &[u8]| data.len() <= size as usize;
        let is_lost = |address: u64, data: &[u8]| address == 0 && !data.is_empty();

        if argument.open_alloc_info == 0
            || is_lost(argument.private_runtime_data, &data.runtime)
            || is_lost(argument.resource_priv_drv_data, &data.resource)
            || is_lost(argument.total_priv_drv_data, self.kept.data())
        {
            return Err(EINVAL);
        }

        if argument.allocation_count as usize != self.kept.allocations().len()
            || !has_room(argument.private_runtime_data_size, &data.runtime)
            || !has_room(argument.resource_priv_drv_data_size, &data.resource)
        {
            return Err(EINVAL);
        }
        if !has_room(argument.total_priv_drv_data_size, self.kept.data()) {
            return Err(ENOMEM);
        }
        Ok(())
    }

    /// Asks the host to open the resource. It decides whether that is possible on this adapter.
    fn call(&self) -> Result<Opened> {
        self.device.active().call(
            self.process.on_host()?,
            command::OpenResource {
                device: self.device.handle(),
                nt_handle: self.file.export.handle(),
                allocation_count: self.argument.allocation_count,
                data_size: self.argument.total_priv_drv_data_size,
            },
        )
    }

    /// Closes the resource on the host again.
    fn close(&self, resource: Handle) {
        let Ok(sender) = self.process.on_host() else {
            return;
        };

        let destroy = || DestroyAllocation {
            device: self.device.handle(),
            resource,
            allocations: &[],
            flags: DestroyAllocation::ASSUME_NOT_IN_USE,
        };
        let _ = self
            .device
            .active()
            .tell(sender, destroy, WaitMode::Killable);
    }

    /// Creates the allocation objects, and the descriptions that are written to the program.
    fn make_allocations(
        &self,
        opened: &Opened,
        resource: &Arc<Resource>,
        objects: &mut KVVec<Object>,
        infos: &mut KVVec<abi::OpenAllocation>,
    ) -> Result {
        let object_stats = &self.process.driver_data().object_stats;
        let mut data = self.argument.total_priv_drv_data;

        for (handle, kept) in opened.allocations().zip(self.kept.allocations()) {
            let handle = handle?;
            let description = Description {
                own: None,
                resource: Some(resource.clone()),
                size: kept.size,
                cached: kept.cached,
            };
            let allocation = Allocation::new(
                self.device.device().clone(),
                handle,
                description,
                object_stats.count(Kind::Allocation),
            )?;
            let info = abi::OpenAllocation::new(handle, data, kept.data_size);

            data = data.wrapping_add(u64::from(kept.data_size));
            objects.push(Object::Allocation(allocation), GFP_KERNEL_ACCOUNT)?;
            infos.push(info, GFP_KERNEL_ACCOUNT)?;
        }
        Ok(())
    }

    /// Writes all results to the program.
    fn report(&self, resource: Handle, infos: &[abi::OpenAllocation]) -> Result {
        let argument = self.argument;
        let data = self.file.resource.data();
        let total = u32::try_from(self.kept.data().len())?;

        write_slice(argument.private_runtime_data, &data.runtime)?;
        write_slice(argument.resource_priv_drv_data, &data.resource)?;
        write_slice(argument.total_priv_drv_data, self.kept.data())?;
        write_slice(argument.open_alloc_info, infos)?;
        write_field!(argument, abi::OpenResource, resource, &resource)?;
        // As on Windows: there is neither a keyed mutex nor a sync object.
        write_field!(argument, abi::OpenResource, keyed_mutex, &Handle::NONE)?;
        write_field!(
            argument,
            abi::OpenResource,
            keyed_mutex_private_data_size,
            &0u32
        )?;
        write_field!(argument, abi::OpenResource, sync_object, &Handle::NONE)?;
        write_field!(
            argument,
            abi::OpenResource,
            total_priv_drv_data_size,
            &total
        )
    }

    fn run(&self) -> Result {
        self.check()?;

        let count = self.kept.allocations().len();
        // Allocate before the host has opened anything.
        let mut slots = KVVec::with_capacity(count + 1, GFP_KERNEL_ACCOUNT)?;
        let mut objects = KVVec::with_capacity(count + 1, GFP_KERNEL_ACCOUNT)?;
        let mut infos = KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
        let opened = self.call()?;
        let handle = opened.resource;
        let slot = HandleSlot {
            handle,
            parent: Some(self.device.handle()),
        };

        slots.push(slot, GFP_KERNEL_ACCOUNT)?;
        for allocation in opened.allocations() {
            let slot = HandleSlot {
                handle: allocation?,
                parent: Some(handle),
            };

            slots.push(slot, GFP_KERNEL_ACCOUNT)?;
        }

        let pending = self
            .process
            .reserve_handles(&slots, || self.close(handle))?;
        let resource = Resource::new(
            self.device.device().clone(),
            handle,
            Some(self.file.resource.clone()),
            self.process
                .driver_data()
                .object_stats
                .count(Kind::Resource),
        )?;

        objects.push(Object::Resource(resource.clone()), GFP_KERNEL_ACCOUNT)?;
        self.make_allocations(&opened, &resource, &mut objects, &mut infos)?;
        self.report(handle, &infos)?;
        pending.publish(objects)
    }
}

/// 0x42: opens a shared resource with its allocations.
struct OpenResourceFromNtHandle;

impl Ioctl for OpenResourceFromNtHandle {
    const REQUEST: u32 = 0xC068_4742;

    type Argument = abi::OpenResource;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let file = resource_file(argument.nt_handle)?;
        let device = process.device(argument.device)?;
        let kept = file.resource.seal()?;

        Opening {
            process,
            device: &device,
            argument: &argument,
            file: &file,
            kept: &kept,
        }
        .run()?;
        Ok(0)
    }
}
