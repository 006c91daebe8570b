// SPDX-License-Identifier: GPL-2.0

//! Creating allocations.

use super::{
    memory::SysmemSetup,
    request::Request,
    standard::standard_data, //
};
use crate::{
    ioctl::{
        user_args::{
            read_bytes,
            write_field,
            write_slice,
            Argument, //
        },
        Caller,
        Ioctl, //
    },
    linux::wait::WaitMode,
    message::allocation::{
        self as command,
        Created,
        CreatedAllocation,
        DataParts,
        DataSizes,
        DestroyAllocation, //
    },
    objects::{
        allocation::{
            Allocation,
            Description,
            OwnMemory, //
        },
        deferred_unpin::SysmemRef,
        device::{
            Device,
            DeviceGuard, //
        },
        live_ref::LiveGuard,
        object::{
            self,
            Object, //
        },
        object_stats::Kind,
        process::{
            HandleSlot,
            Process, //
        },
        resource::Resource,
        shared::Exports,
        shared_resource::{
            KeptAllocation,
            KeptAllocations,
            KeptData,
            SharedResource, //
        },
    },
    uapi::allocation::{
        AllocationInfo,
        CreateAllocation as Abi,
        StandardAllocation, //
    },
    wire::Handle, //
};
use core::{
    cell::Cell,
    mem, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The owner of new allocations.
enum Owner {
    /// The device.
    Device,
    /// A resource that is created with the allocations.
    New {
        /// Whether other processes may open the resource.
        shared: bool,
    },
    /// An existing resource, which is kept from being destroyed until the allocations are complete.
    Existing {
        resource: Arc<Resource>,
        _pass: LiveGuard,
    },
}

impl Owner {
    /// Finds the owner, and checks that allocations may be added to it.
    fn find(process: &Process, device: &Arc<Device>, argument: &Abi) -> Result<Self> {
        let has = |flag: u32| argument.flags & flag != 0;

        if has(Abi::CREATE_RESOURCE) {
            let shared = has(Abi::CREATE_SHARED);

            if shared && !has(Abi::NT_SECURITY_SHARING) {
                return Err(EINVAL);
            }
            return Ok(Self::New { shared });
        }
        if argument.resource.is_none() {
            return Ok(Self::Device);
        }

        // As on Windows, a handle that names nothing gives another error than a wrong resource.
        let object = process.object(argument.resource).map_err(|_| EBADF)?;
        let resource = <Resource as object::Kind>::of(&object)
            .ok_or(EINVAL)?
            .clone();
        let is_sealed = resource.shared().is_some_and(|shared| shared.is_sealed());

        if is_sealed || !Arc::ptr_eq(resource.device(), device) {
            return Err(EINVAL);
        }

        // A resource that is being destroyed counts as missing.
        let pass = resource.enter().map_err(|_| EBADF)?;

        Ok(Self::Existing {
            resource,
            _pass: pass,
        })
    }

    /// Returns whether the data of the allocations must be kept for importers of the resource.
    fn is_shared(&self) -> bool {
        match self {
            Self::Device => false,
            Self::New { shared } => *shared,
            Self::Existing { resource, .. } => resource.shared().is_some(),
        }
    }
}

/// Data that is kept for importers of the resource, if it is shared.
#[derive(Default)]
struct Kept {
    data: KeptData,
    allocations: KeptAllocations,
    /// Bytes of data about each of the allocations.
    sizes: KVVec<u32>,
}

impl Kept {
    fn keep_allocation_data(&mut self, data: &[u8]) -> Result {
        let size = u32::try_from(data.len()).map_err(|_| EINVAL)?;

        self.sizes.push(size, GFP_KERNEL_ACCOUNT)?;
        self.allocations.keep_data(data)
    }
}

/// Memory of the program that was handed over so far; if the creation fails, it must be released or
/// kept until the host has released it.
#[derive(Default)]
struct SysmemList(Cell<KVVec<Arc<SysmemRef>>>);

impl SysmemList {
    fn push(&self, memory: Arc<SysmemRef>) -> Result {
        let mut list = self.0.take();
        let result = list.push(memory, GFP_KERNEL_ACCOUNT);

        self.0.set(list);
        Ok(result?)
    }
}

/// A request to create allocations, in progress.
struct Creation<'a> {
    process: &'a Process,
    guard: &'a DeviceGuard,
    argument: &'a Argument<Abi>,
    request: &'a Request,
    owner: &'a Owner,
}

impl Creation<'_> {
    /// Writes the variable part of the message, and keeps a copy of the data that importers need.
    fn write_data(&self, parts: DataParts<'_>, kept: &mut Kept) -> Result {
        let keep = |kept: &mut KVVec<u8>, bytes: &[u8]| -> Result {
            if matches!(self.owner, Owner::New { shared: true }) {
                kept.extend_from_slice(bytes, GFP_KERNEL_ACCOUNT)?;
            }
            Ok(())
        };

        read_bytes(self.argument.private_runtime_data, parts.runtime)?;
        keep(&mut kept.data.runtime, parts.runtime)?;
        match &self.request.standard {
            Some(standard) => parts.resource.copy_from_slice(standard.as_bytes()),
            None => {
                read_bytes(self.argument.priv_drv_data, parts.resource)?;
                keep(&mut kept.data.resource, parts.resource)?;
            }
        }

        let mut rest = parts.allocations;

        for info in &self.request.infos {
            // CAST: `usize` has at least 32 bits.
            let size = info.priv_drv_data_size as usize;
            let (data, others) = rest.split_at_mut_checked(size).ok_or(EINVAL)?;

            read_bytes(info.priv_drv_data, data)?;
            // The data about standard allocations comes from the host, see [`Self::ask_standard`].
            if self.owner.is_shared() && self.request.standard.is_none() {
                kept.keep_allocation_data(data)?;
            }
            rest = others;
        }
        Ok(())
    }

    /// Asks the host for the vendor's data about a standard allocation, and keeps it for importers.
    fn ask_standard(&self, standard: &StandardAllocation, kept: &mut Kept) -> Result {
        let answer = standard_data(self.process, self.guard, standard)?;
        let (allocation, resource) = answer.parts();

        if self.owner.is_shared() {
            kept.keep_allocation_data(allocation)?;
            kept.data
                .resource
                .extend_from_slice(resource, GFP_KERNEL_ACCOUNT)?;
        }
        Ok(())
    }

    /// Asks the host to create the resource and the allocations.
    fn call(&self, kept: &mut Kept) -> Result<Created> {
        let argument = self.argument;
        let infos = &self.request.infos;
        let mut flags = argument.flags;

        if self.request.has_sysmem() {
            flags |= Abi::EXISTING_SYSMEM;
        }

        let sizes = DataSizes::new(
            self.guard.adapter().version(),
            infos,
            argument.private_runtime_data_size,
            match self.request.standard {
                // CAST: The size is 24.
                Some(_) => size_of::<StandardAllocation>() as u32,
                None => argument.priv_drv_data_size,
            },
        )?;

        if let Some(standard) = &self.request.standard {
            self.ask_standard(standard, kept)?;
        }
        self.guard.active().call(
            self.process.on_host()?,
            command::CreateAllocation {
                device: self.guard.handle(),
                // Unchanged: the host decides what a resource means beside the flag for a new one.
                resource: argument.resource,
                flags,
                runtime_handle: argument.private_runtime_resource_handle,
                infos,
                sizes,
                data: |parts: DataParts<'_>| self.write_data(parts, kept),
            },
        )
    }

    /// Destroys the new allocations on the host, with the new `resource`, if there is one. If that
    /// succeeds, the host has released the memory in `sysmem`.
    fn destroy(&self, resource: Handle, handles: &[Handle], sysmem: &[Arc<SysmemRef>]) -> Result {
        self.guard
            .active()
            .tell(
                self.process.on_host()?,
                || DestroyAllocation {
                    device: self.guard.handle(),
                    resource,
                    allocations: handles,
                    flags: DestroyAllocation::ASSUME_NOT_IN_USE,
                },
                WaitMode::Killable,
            )?
            .into_result()?;
        sysmem.iter().for_each(|memory| memory.give_back());
        Ok(())
    }

    /// Hands the program's memory over to the host that backs the allocation at `index`, if any.
    fn lend(
        &self,
        index: usize,
        made: &CreatedAllocation<'_>,
        sysmem: &SysmemList,
    ) -> Result<Option<OwnMemory>> {
        let info = self.request.infos.get(index).ok_or(EINVAL)?;

        if info.sysmem == 0 {
            return Ok(None);
        }
        let setup = SysmemSetup {
            process: self.process,
            guard: self.guard,
            allocation: made.handle,
            address: info.sysmem,
            size: made.size,
            writable: self.argument.flags & Abi::READ_ONLY == 0,
        };
        let memory = setup.prepare()?;

        sysmem.push(memory.sysmem.clone())?;
        setup.hand_over(&memory)?;
        Ok(Some(memory))
    }

    /// Returns the resource the allocations belong to, if any; creates the object for a new one.
    fn make_resource(&self, handle: Handle, data: KeptData) -> Result<Option<Arc<Resource>>> {
        let object_stats = &self.process.driver_data().object_stats;
        let device = self.guard.device();
        let shared = match self.owner {
            Owner::Device => return Ok(None),
            Owner::Existing { resource, .. } => return Ok(Some(resource.clone())),
            Owner::New { shared: false } => None,
            Owner::New { shared: true } => Some(SharedResource::new(
                device.adapter().clone(),
                data,
                Exports::new(self.process.host(), self.process.driver_data())?,
                object_stats.count(Kind::SharedObject),
            )?),
        };

        Resource::new(
            device.clone(),
            handle,
            shared,
            object_stats.count(Kind::Resource),
        )
        .map(Some)
    }

    /// Writes the private data about the allocation at `index`, as the host has returned it, to the
    /// program.
    fn report_data(&self, index: usize, data: &[u8]) -> Result {
        let info = self.request.infos.get(index).ok_or(EINVAL)?;

        if data.is_empty() {
            return Ok(());
        }
        write_slice(info.priv_drv_data, data)
    }

    /// Writes the handles to the program. This comes last: a program that sees a handle although
    /// the request failed has lost part of its memory in the meantime.
    fn report_names(&self, resource: Handle, allocations: &[Handle]) -> Result {
        for (index, &handle) in allocations.iter().enumerate() {
            // CAST: There are at most 1024 elements of 96 bytes.
            let offset = (index * size_of::<AllocationInfo>()) as u64;

            write_slice(
                self.argument.allocation_info.wrapping_add(offset),
                &[handle],
            )?;
        }
        if !resource.is_none() {
            write_field!(self.argument, Abi, resource, &resource)?;
        }
        // As on Windows: resources are shared by file descriptor only.
        write_field!(self.argument, Abi, global_share, &Handle::NONE)
    }

    /// Creates the allocation objects.
    fn make_allocations(
        &self,
        created: &Created,
        resource: Option<&Arc<Resource>>,
        sysmem: &SysmemList,
        objects: &mut KVVec<Object>,
        kept: &mut Kept,
    ) -> Result {
        let object_stats = &self.process.driver_data().object_stats;

        for (index, made) in created.allocations(&self.request.infos).enumerate() {
            let made = made?;
            let description = Description {
                resource: resource.cloned(),
                size: made.size,
                cached: made.cached,
                own: self.lend(index, &made, sysmem)?,
            };
            let allocation = Allocation::new(
                self.guard.device().clone(),
                made.handle,
                description,
                object_stats.count(Kind::Allocation),
            )?;

            if self.owner.is_shared() {
                kept.allocations.keep(KeptAllocation {
                    data_size: kept.sizes.get(index).copied().ok_or(EINVAL)?,
                    size: made.size,
                    cached: made.cached,
                })?;
            }
            self.report_data(index, made.data)?;
            objects.push(Object::Allocation(allocation), GFP_KERNEL_ACCOUNT)?;
        }
        Ok(())
    }

    fn run(&self) -> Result {
        let count = self.request.infos.len();
        let mut kept = Kept::default();
        let sysmem = SysmemList::default();
        // Allocate before the host has created anything.
        let mut handles = KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
        let mut slots = KVVec::with_capacity(count + 1, GFP_KERNEL_ACCOUNT)?;
        let mut objects = KVVec::with_capacity(count + 1, GFP_KERNEL_ACCOUNT)?;
        let created = self.call(&mut kept)?;
        let device = self.guard.handle();
        let new_resource = match self.owner {
            Owner::New { .. } => created.resource(),
            _ => Handle::NONE,
        };
        // The reference driver accepts a new resource without a handle too: its allocations have
        // handles.
        let is_named = !new_resource.is_none();
        let parent = match self.owner {
            Owner::New { .. } if is_named => new_resource,
            Owner::Existing { resource, .. } => resource.handle(),
            _ => device,
        };

        if is_named {
            let slot = HandleSlot {
                handle: new_resource,
                parent: Some(device),
            };

            slots.push(slot, GFP_KERNEL_ACCOUNT)?;
        }
        for handle in created.handles() {
            let handle = handle?;
            let slot = HandleSlot {
                handle,
                parent: Some(parent),
            };

            handles.push(handle, GFP_KERNEL_ACCOUNT)?;
            slots.push(slot, GFP_KERNEL_ACCOUNT)?;
        }

        let pending = self.process.reserve_handles(&slots, || {
            let _ = self.destroy(new_resource, &handles, &sysmem.0.take());
        })?;
        let resource = self.make_resource(new_resource, mem::take(&mut kept.data))?;

        if let (true, Some(resource)) = (is_named, &resource) {
            objects.push(Object::Resource(resource.clone()), GFP_KERNEL_ACCOUNT)?;
        }
        self.make_allocations(
            &created,
            resource.as_ref(),
            &sysmem,
            &mut objects,
            &mut kept,
        )?;
        self.report_names(new_resource, &handles)?;
        if let Some(shared) = resource.as_ref().and_then(|resource| resource.shared()) {
            shared.add(&kept.allocations)?;
        }
        pending.publish(objects)
    }
}

/// 0x06: creates allocations, on their own, with a new resource, or in an existing one.
pub(super) struct CreateAllocation;

impl Ioctl for CreateAllocation {
    const REQUEST: u32 = 0xC048_4706;

    type Argument = Abi;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let request = Request::read(&argument)?;
        let guard = process.device(argument.device)?;
        let owner = Owner::find(process, guard.device(), &argument)?;

        request.check_sysmem()?;
        Creation {
            process,
            guard: &guard,
            argument: &argument,
            request: &request,
            owner: &owner,
        }
        .run()?;
        Ok(0)
    }
}
