// SPDX-License-Identifier: GPL-2.0

//! Making allocations.

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

/// What the allocations are to be a part of.
enum Owner {
    /// The device alone.
    Device,
    /// A resource that is made with them.
    New {
        /// Others may open it.
        shared: bool,
    },
    /// A resource that exists, and does not go before the allocations are complete.
    Existing {
        resource: Arc<Resource>,
        _pass: LiveGuard,
    },
}

impl Owner {
    /// Finds out, and checks that the allocations may be.
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

        // As on Windows, a number that names nothing is another mistake than a wrong resource.
        let object = process.object(argument.resource).map_err(|_| EBADF)?;
        let resource = <Resource as object::Kind>::of(&object)
            .ok_or(EINVAL)?
            .clone();
        let is_sealed = resource.shared().is_some_and(|shared| shared.is_sealed());

        if is_sealed || !Arc::ptr_eq(resource.device(), device) {
            return Err(EINVAL);
        }

        // What is being destroyed is there no more.
        let pass = resource.enter().map_err(|_| EBADF)?;

        Ok(Self::Existing {
            resource,
            _pass: pass,
        })
    }

    /// Whether data has to be kept for those who open the resource.
    fn is_shared(&self) -> bool {
        match self {
            Self::Device => false,
            Self::New { shared } => *shared,
            Self::Existing { resource, .. } => resource.shared().is_some(),
        }
    }
}

/// What is kept for those who open the resource, if it is shared.
#[derive(Default)]
struct Kept {
    data: KeptData,
    allocations: KeptAllocations,
    /// How much data about each of the allocations there is.
    sizes: KVVec<u32>,
}

impl Kept {
    fn keep_allocation_data(&mut self, data: &[u8]) -> Result {
        let size = u32::try_from(data.len()).map_err(|_| EINVAL)?;

        self.sizes.push(size, GFP_KERNEL_ACCOUNT)?;
        self.allocations.keep_data(data)
    }
}

/// Memory that was handed over on the way. Whoever ends the creation looks after it.
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

/// One request on its way.
struct Creation<'a> {
    process: &'a Process,
    guard: &'a DeviceGuard,
    argument: &'a Argument<Abi>,
    request: &'a Request,
    owner: &'a Owner,
}

impl Creation<'_> {
    /// Writes the data of the message, and keeps a copy of what others need.
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
            // CAST: 32 bits fit.
            let size = info.priv_drv_data_size as usize;
            let (data, others) = rest.split_at_mut_checked(size).ok_or(EINVAL)?;

            read_bytes(info.priv_drv_data, data)?;
            // What nobody sends is asked of the host.
            if self.owner.is_shared() && self.request.standard.is_none() {
                kept.keep_allocation_data(data)?;
            }
            rest = others;
        }
        Ok(())
    }

    /// Asks the host for the data that comes with a standard allocation.
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

    /// Lets the host make everything.
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
                // CAST: It is 24.
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
                // As the program has it: beside the flag for a new resource the host decides.
                resource: argument.resource,
                flags,
                runtime_handle: argument.private_runtime_resource_handle,
                infos,
                sizes,
                data: |parts: DataParts<'_>| self.write_data(parts, kept),
            },
        )
    }

    /// Destroys on the host what was just made: the allocations by their handles, with the new
    /// `resource`, if any. If it does, it lets go of the memory that was `sysmem`.
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

    /// Hands the memory over that the allocation at `index` is to consist of, if any.
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

    /// Makes the resource on our side, if one is wanted.
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

    /// Gives the program what the host has made of the private data of the allocation at `index`.
    fn report_data(&self, index: usize, data: &[u8]) -> Result {
        let info = self.request.infos.get(index).ok_or(EINVAL)?;

        if data.is_empty() {
            return Ok(());
        }
        write_slice(info.priv_drv_data, data)
    }

    /// Tells the program the names of what it has got, when everything else is done: a program
    /// that sees a name and a failure has lost part of its memory meanwhile.
    fn report_names(&self, resource: Handle, allocations: &[Handle]) -> Result {
        for (index, &handle) in allocations.iter().enumerate() {
            // CAST: There are at most 1024 of 96 bytes.
            let offset = (index * size_of::<AllocationInfo>()) as u64;

            write_slice(
                self.argument.allocation_info.wrapping_add(offset),
                &[handle],
            )?;
        }
        if !resource.is_none() {
            write_field!(self.argument, Abi, resource, &resource)?;
        }
        // As on Windows: what is shared is shared by file descriptors.
        write_field!(self.argument, Abi, global_share, &Handle::NONE)
    }

    /// Makes the allocations on our side.
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
        // Memory is found before there is anything to lose.
        let mut handles = KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
        let mut slots = KVVec::with_capacity(count + 1, GFP_KERNEL_ACCOUNT)?;
        let mut objects = KVVec::with_capacity(count + 1, GFP_KERNEL_ACCOUNT)?;
        let created = self.call(&mut kept)?;
        let device = self.guard.handle();
        let new_resource = match self.owner {
            Owner::New { .. } => created.resource(),
            _ => Handle::NONE,
        };
        // The reference takes a new resource without a handle as well: its allocations have theirs.
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

/// 0x06: makes allocations, on their own, as a new resource, or as more of an existing one.
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
