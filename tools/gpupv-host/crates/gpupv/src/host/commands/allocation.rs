// SPDX-License-Identifier: GPL-2.0
//! Allocations and resources.

mod create;
mod existing;
mod lock;
mod open;
mod standard;

use super::super::call::{broken, success, Call, Fail, Reply};
use super::super::shared::Shared;
use crate::allocation::{Allocation, Resource};
use crate::command::AllocationCommand;
use crate::device::Device;
use crate::handles::Handle;
use crate::objects::Lookup;
use crate::payload::Objects;
use crate::status::NtStatus;
use crate::wire::DestroyAllocation;

impl Shared {
    pub(in crate::host) fn allocation_command(
        &mut self,
        command: AllocationCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            AllocationCommand::CreateAllocation => self.create_allocation(position, call),
            AllocationCommand::DestroyAllocation => self.destroy_allocation(position, call),
            AllocationCommand::OpenResource => self.open_resource(position, call),
            AllocationCommand::GetStandardAllocationDriverData => standard::driver_data(call),
            AllocationCommand::SetExistingSysMemStore => self.set_gpadl(position, call),
            AllocationCommand::SetExistingSysMemPages => self.set_pages(position, call),
            AllocationCommand::Lock => self.lock_allocation(position, call),
            AllocationCommand::Unlock => self.unlock_allocation(position, call),
            AllocationCommand::InvalidateCache => self.invalidate_cache(position, call),
        }
    }

    fn destroy_allocation(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: DestroyAllocation = call.read();
        let (count, resource) = (request.alloc_count.get(), Handle(request.resource.get()));
        if count > DestroyAllocation::COUNT_MAX {
            return broken(format!("{count} allocations"));
        }
        if count == 0 && resource.0 == 0 {
            return broken("neither a resource nor allocations".to_owned());
        }
        let handles = call.handles(DestroyAllocation::HANDLES_OFFSET, count)?;
        let device = Handle(request.device.get());
        self.process(call)?
            .objects
            .select::<Device>(position, device)?;
        if request.flags.get() & !DestroyAllocation::FLAGS != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        if count == 0 {
            self.destroy_resource(position, call, device, resource)?;
        } else {
            let unused = request.flags.get() & DestroyAllocation::ASSUME_NOT_IN_USE != 0;
            let all = self.destroy_list(position, call, device, (&handles, unused));
            self.undo_resource(position, call, device, resource)?;
            all?;
        }
        success()
    }

    fn destroy_resource(
        &mut self,
        position: usize,
        call: &Call<'_>,
        device: Handle,
        resource: Handle,
    ) -> Result<(), Fail> {
        let objects = &self.process(call)?.objects;
        let found: &Resource = objects.named(position, resource)?;
        if found.device != device {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        self.remove_object(call, resource)
    }

    /// Destroys what it can, and fails if that was not everything. What is shared goes with its
    /// resource, unless its creation is given up.
    fn destroy_list(
        &mut self,
        position: usize,
        call: &Call<'_>,
        device: Handle,
        (handles, unused): (&[Handle], bool),
    ) -> Result<(), Fail> {
        let mut all = true;
        for &handle in handles {
            let objects = &self.process(call)?.objects;
            let is_new = |resource: Handle| {
                let found = objects.named::<Resource>(position, resource);
                found.is_ok_and(|found| found.made_at_once && !found.sealed)
            };
            let may_go = |found: &Allocation| {
                let alone = !found.shared || unused && found.resource.is_some_and(is_new);
                found.device == device && alone
            };
            if objects.named(position, handle).is_ok_and(may_go) {
                self.remove_object(call, handle)?;
            } else {
                all = false;
            }
        }
        if all {
            Ok(())
        } else {
            Err(NtStatus::INVALID_PARAMETER.into())
        }
    }

    /// A creation that the guest gives up names the allocations and their resource. The resource
    /// goes, too, if it never had others.
    fn undo_resource(
        &mut self,
        position: usize,
        call: &Call<'_>,
        device: Handle,
        resource: Handle,
    ) -> Result<(), Fail> {
        if resource.0 == 0 {
            return Ok(());
        }
        let objects = &self.process(call)?.objects;
        let found: &Resource = objects.named(position, resource)?;
        if found.device == device && found.allocations.is_empty() && found.made_at_once {
            self.remove_object(call, resource)?;
        }
        Ok(())
    }
}

/// An allocation that the guest has looked up, together with the device that it names.
fn of_device(
    objects: &Objects,
    position: usize,
    device: Handle,
    handle: Handle,
) -> Result<&Allocation, Fail> {
    objects.select::<Device>(position, device)?;
    let allocation: &Allocation = objects.named(position, handle)?;
    if allocation.device == device {
        Ok(allocation)
    } else {
        Err(NtStatus::INVALID_PARAMETER.into())
    }
}

/// An allocation that the guest has from the reply before, and that no user can know yet.
fn just_made(
    objects: &Objects,
    position: usize,
    device: Handle,
    handle: Handle,
) -> Result<&Allocation, Fail> {
    match objects.look_up(handle) {
        Lookup::Never => broken(format!("allocation {handle}")),
        Lookup::Live(_) | Lookup::Stale => of_device(objects, position, device, handle),
    }
}
