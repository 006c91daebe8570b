// SPDX-License-Identifier: GPL-2.0
//! CREATEALLOCATION.

use zerocopy::{FromBytes, IntoBytes};

use super::super::super::call::{broken, check_answer, Call, Fail, Reply};
use super::super::super::shared::Shared;
use super::standard;
use crate::allocation::{Allocation, Resource};
use crate::allocation_data::{self, Wish};
use crate::budget::SegmentGroup;
use crate::device::Device;
use crate::handles::Handle;
use crate::io_space::PAGE;
use crate::memory::{GuestPages, MemoryId, MemoryInfo, NORMAL_PRIORITY};
use crate::objects::Object;
use crate::payload::Payload;
use crate::status::NtStatus;
use crate::wire::{AllocationDescriptor, AllocationReturn, CreateAllocation};

/// The length of the answer before the allocations.
const REPLY_HEADER: usize = 16;

/// A request that keeps to what every guest checks.
struct Plan<'a> {
    device: Handle,
    /// The resource to extend.
    resource: Option<Handle>,
    flags: u32,
    wishes: Vec<(Wish, &'a [u8])>,
}

impl Plan<'_> {
    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

impl Shared {
    pub(super) fn create_allocation(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let plan = plan(call)?;
        let objects = &self.process(call)?.objects;
        objects.select::<Device>(position, plan.device)?;
        if let Some(resource) = plan.resource {
            let found: &Resource = objects.select(position, resource)?;
            // Others may know already how many allocations a shared one has.
            if found.device != plan.device || found.sealed || found.shared {
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
        }
        let infos = self.memory_infos(position, &plan)?;
        let resource = match plan.has(CreateAllocation::CREATE_RESOURCE) {
            true => Some(self.add_resource(position, call, &plan)?),
            false => plan.resource,
        };
        let mut made = Vec::with_capacity(infos.len());
        for info in infos {
            match self.add_allocation(position, call, &plan, resource, info) {
                Ok(handle) => made.push(handle),
                Err(fail) => {
                    for (handle, _) in made {
                        self.remove_object(call, handle)?;
                    }
                    if let Some(resource) = resource.filter(|_| plan.resource.is_none()) {
                        self.remove_object(call, resource)?;
                    }
                    return Err(fail);
                }
            }
        }
        Ok(self.creation_reply(&plan, resource, &made))
    }

    /// What memory each allocation needs.
    fn memory_infos(&self, position: usize, plan: &Plan<'_>) -> Result<Vec<MemoryInfo>, NtStatus> {
        let adapter = &self.adapters[position].description;
        let capacity = self.capacity_of(position);
        let cached = plan.has(CreateAllocation::CREATE_CACHED);
        let mut infos = Vec::with_capacity(plan.wishes.len());
        for (wish, _) in &plan.wishes {
            let group = if wish.local && !plan.has(CreateAllocation::EXISTING_SYSMEM) {
                SegmentGroup::Local
            } else {
                SegmentGroup::of_the_machine(adapter)
            };
            // Guests hand over whole pages: of less than one that one, else no part of the last.
            let size = match plan.has(CreateAllocation::EXISTING_SYSMEM) {
                true => (wish.told / PAGE).max(1) * PAGE,
                false => wish.size,
            };
            if size > capacity.of(group) {
                // It could never be resident.
                return Err(NtStatus::NO_MEMORY);
            }
            infos.push(MemoryInfo {
                adapter: position,
                size,
                group,
                cached: wish.cached || cached,
                priority: NORMAL_PRIORITY,
            });
        }
        Ok(infos)
    }

    fn add_resource(
        &mut self,
        position: usize,
        call: &Call<'_>,
        plan: &Plan<'_>,
    ) -> Result<Handle, Fail> {
        let resource = Object {
            adapter: position,
            parent: Some(plan.device),
            payload: Payload::Resource(Resource {
                device: plan.device,
                shared: plan.has(CreateAllocation::CREATE_SHARED),
                sealed: false,
                made_at_once: true,
                allocations: Vec::new(),
            }),
        };
        let handle = self.process(call)?.objects.insert(resource);
        handle.ok_or_else(|| NtStatus::NO_MEMORY.into())
    }

    fn add_allocation(
        &mut self,
        position: usize,
        call: &Call<'_>,
        plan: &Plan<'_>,
        resource: Option<Handle>,
        info: MemoryInfo,
    ) -> Result<(Handle, MemoryId), Fail> {
        let guest = plan.has(CreateAllocation::EXISTING_SYSMEM).then(|| {
            let read_only = plan.has(CreateAllocation::READ_ONLY);
            GuestPages::new(info.size, read_only, self.memories.page_budget())
        });
        let lends = guest.is_some();
        let memory = self.memories.create(info, guest);
        let mut allocation = Allocation::new(plan.device, resource, memory);
        allocation.lends = lends;
        let objects = &mut self.process(call)?.objects;
        let handle = objects.insert(Object {
            adapter: position,
            parent: resource.or(Some(plan.device)),
            payload: Payload::Allocation(allocation),
        });
        let Some(handle) = handle else {
            self.memories.release(memory);
            return Err(NtStatus::NO_MEMORY.into());
        };
        if let Some(resource) = resource {
            let found: &mut Resource = objects.named_mut(position, resource)?;
            found.allocations.push(handle);
            found.made_at_once &= plan.resource.is_none();
            let shared = found.shared;
            objects.named_mut::<Allocation>(position, handle)?.shared = shared;
        }
        Ok((handle, memory))
    }

    fn creation_reply(
        &self,
        plan: &Plan<'_>,
        resource: Option<Handle>,
        made: &[(Handle, MemoryId)],
    ) -> Vec<u8> {
        let mut reply = vec![0; REPLY_HEADER];
        reply[..4].copy_from_slice(&plan.flags.to_le_bytes());
        let resource = resource.map_or(0, |resource| resource.0);
        reply[4..8].copy_from_slice(&resource.to_le_bytes());
        let mut tail = Vec::new();
        for (&(handle, memory), (wish, data)) in made.iter().zip(&plan.wishes) {
            let mut flags = 0;
            if self.memories.get(memory).is_some_and(|m| m.info.cached) {
                flags |= AllocationReturn::CACHED;
            }
            if plan.has(CreateAllocation::EXISTING_SYSMEM) {
                flags |= AllocationReturn::EXISTING_SYSMEM;
            }
            let info = AllocationReturn {
                allocation: handle.0.into(),
                // CAST: below CreateAllocation::DATA_LIMIT.
                priv_drv_data_size: (data.len() as u32).into(),
                allocation_flags: flags.into(),
                padding: 0.into(),
                allocation_size: wish.told.into(),
                driver_info: [0; 48],
            };
            reply.extend_from_slice(info.as_bytes());
            tail.extend(allocation_data::filled(data, memory.number(), wish.told));
        }
        reply.append(&mut tail);
        reply
    }
}

/// Checks a request against everything that does not depend on what there is.
fn plan<'a>(call: &'a Call<'_>) -> Result<Plan<'a>, Fail> {
    let request: CreateAllocation = call.read();
    let count = request.alloc_count.get();
    if count == 0 || count > CreateAllocation::COUNT_MAX {
        return broken(format!("{count} allocations"));
    }
    let runtime = request.private_runtime_data_size.get();
    let private = request.priv_drv_data_size.get();
    if runtime.max(private) >= CreateAllocation::DATA_LIMIT {
        return broken(format!("{runtime} and {private} bytes of data"));
    }
    let flags = request.flags.get();
    check_flags(flags)?;
    if request.make_resident != 0 {
        return broken("allocations are not made resident at once".to_owned());
    }
    // CAST: u32 to usize, on a 64-bit host.
    let (count, runtime, private) = (count as usize, runtime as usize, private as usize);
    let descriptors_len = count * size_of::<AllocationDescriptor>();
    let descriptors = call.bytes(CreateAllocation::DATA_OFFSET, descriptors_len)?;
    let descriptors = <[AllocationDescriptor]>::ref_from_bytes(descriptors)
        .map_err(|_| NtStatus::INVALID_PARAMETER)?;
    let private_at = CreateAllocation::DATA_OFFSET + descriptors_len + runtime;
    let private_data = call.bytes(private_at, private)?;
    let mut at = private_at + private;
    let mut wishes = Vec::with_capacity(count);
    for descriptor in descriptors {
        let len = descriptor.priv_drv_data_size.get();
        if len >= CreateAllocation::DATA_LIMIT {
            return broken(format!("{len} bytes of data"));
        }
        // CAST: u32 to usize, on a 64-bit host.
        let data = call.bytes(at, len as usize)?;
        at += data.len();
        if descriptor.flags.get() & !AllocationDescriptor::FLAGS != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        wishes.push(if flags & CreateAllocation::STANDARD_ALLOCATION == 0 {
            (allocation_data::wish(data)?, data)
        } else if count == 1 && data.is_empty() {
            (standard::wish(private_data, flags)?, data)
        } else {
            return broken("a standard allocation is one without data".to_owned());
        });
    }
    let data: usize = wishes.iter().map(|(_, data)| data.len()).sum();
    check_answer(REPLY_HEADER + count * size_of::<AllocationReturn>() + data)?;
    let resource = Handle(request.resource.get());
    let creates = flags & CreateAllocation::CREATE_RESOURCE != 0;
    if creates && resource.0 != 0 {
        return Err(NtStatus::INVALID_HANDLE.into());
    }
    let extends = resource.0 != 0;
    Ok(Plan {
        device: Handle(request.device.get()),
        resource: extends.then_some(resource),
        flags,
        wishes,
    })
}

fn check_flags(flags: u32) -> Result<(), Fail> {
    let has = |flag: u32| flags & flag != 0;
    if has(CreateAllocation::CREATE_PROTECTED | CreateAllocation::EXISTING_SECTION) {
        return broken(format!("flags {flags:#x} are not for guests"));
    }
    let named =
        has(CreateAllocation::CREATE_RESOURCE) && has(CreateAllocation::NT_SECURITY_SHARING);
    if has(CreateAllocation::CREATE_SHARED) && !named {
        return broken(format!("flags {flags:#x} for a shared resource"));
    }
    if flags & !CreateAllocation::FLAGS != 0 {
        return Err(NtStatus::INVALID_PARAMETER.into());
    }
    Ok(())
}
