// SPDX-License-Identifier: GPL-2.0
//! Resources that several processes have.

use zerocopy::IntoBytes;

use super::super::super::call::{broken, Call, Fail, Reply};
use super::super::super::shared::{NtObject, Shared, VmObject};
use crate::allocation::{Allocation, Resource};
use crate::behaviour::CrossAdapter;
use crate::device::Device;
use crate::handles::Handle;
use crate::memory::SharedResource;
use crate::objects::Object;
use crate::payload::Payload;
use crate::status::NtStatus;
use crate::wire::{OpenResource, OpenResourceReturn};

impl Shared {
    pub(super) fn open_resource(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: OpenResource = call.read();
        if request.nt_security_sharing != 1 {
            return broken("a resource is opened by its shared handle".to_owned());
        }
        let device = Handle(request.device.get());
        let objects = &self.process(call)?.objects;
        objects.select::<Device>(position, device)?;
        let shared = self.opened(position, Handle(request.global_share.get()))?;
        let count = request.allocation_count.get();
        if u64::from(count) != shared.memories.len() as u64 {
            let there = shared.memories.len();
            return broken(format!("{count} allocations, there are {there}"));
        }
        let resource = self.add_opened(position, call, device, &shared);
        let (resource, allocations) = resource?;
        let answer = OpenResourceReturn {
            resource: resource.0.into(),
            status: NtStatus::SUCCESS.0.into(),
        };
        let mut reply = answer.as_bytes().to_vec();
        for allocation in allocations {
            reply.extend(allocation.0.to_le_bytes());
        }
        Ok(reply)
    }

    /// What a shared handle leads to.
    fn opened(&self, position: usize, handle: Handle) -> Result<SharedResource, Fail> {
        let share = match self.handles.get(handle) {
            Some(VmObject::NtShared(NtObject::Resource(share))) => *share,
            None if self.handles.was_given(handle) => {
                return Err(NtStatus::INVALID_PARAMETER.into())
            }
            _ => {
                let text = format!("shared resource {handle}");
                return Err(Fail::Violation(NtStatus::INVALID_HANDLE, text));
            }
        };
        let shared = self.memories.shared(share);
        // Users may try another adapter.
        let anywhere = self.behaviour.cross_adapter == CrossAdapter::Tolerate;
        let shared = shared.filter(|shared| anywhere || shared.adapter == position);
        let shared = shared.cloned();
        shared.ok_or_else(|| NtStatus::INVALID_PARAMETER.into())
    }

    fn add_opened(
        &mut self,
        position: usize,
        call: &Call<'_>,
        device: Handle,
        shared: &SharedResource,
    ) -> Result<(Handle, Vec<Handle>), Fail> {
        let objects = &mut self.process(call)?.objects;
        let resource = objects.insert(Object {
            adapter: position,
            parent: Some(device),
            payload: Payload::Resource(Resource {
                device,
                shared: true,
                sealed: true,
                made_at_once: false,
                allocations: Vec::new(),
            }),
        });
        let resource = resource.ok_or(NtStatus::NO_MEMORY)?;
        let mut made = Vec::with_capacity(shared.memories.len());
        for &memory in &shared.memories {
            let mut allocation = Allocation::new(device, Some(resource), memory);
            allocation.shared = true;
            let objects = &mut self.process(call)?.objects;
            let handle = objects.insert(Object {
                adapter: position,
                parent: Some(resource),
                payload: Payload::Allocation(allocation),
            });
            let Some(handle) = handle else {
                self.remove_object(call, resource)?;
                return Err(NtStatus::NO_MEMORY.into());
            };
            self.memories.retain(memory);
            made.push(handle);
        }
        let objects = &mut self.process(call)?.objects;
        let found: &mut Resource = objects.named_mut(position, resource)?;
        found.allocations.clone_from(&made);
        Ok((resource, made))
    }
}
