// SPDX-License-Identifier: GPL-2.0
//! What the commands that make and queue work have in common.

use std::time::Instant;

use super::super::call::{Call, Fail};
use super::super::shared::Shared;
use crate::behaviour::FencePages;
use crate::device::{Device, ExecutionState};
use crate::engine::{Item, QueueId};
use crate::fence::Fence;
use crate::gpu::Buffer;
use crate::handles::Handle;
use crate::objects::{Kind, Object, ObjectKind};
use crate::payload::{Objects, Payload};
use crate::queues::{Context, HwQueue, PagingQueue};
use crate::status::NtStatus;
use crate::sync::SyncId;

impl Shared {
    /// Gives an object a handle in the caller's process.
    pub(super) fn add_object(
        &mut self,
        call: &Call<'_>,
        object: Object<Payload>,
    ) -> Result<Handle, Fail> {
        let handle = self.process(call)?.objects.insert(object);
        handle.ok_or_else(|| NtStatus::NO_MEMORY.into())
    }

    /// Makes a fence in a page of its own.
    pub(super) fn new_fence(&self, value: u64) -> Result<Fence, Fail> {
        let space = self.io_space.as_ref().ok_or(NtStatus::NO_MEMORY)?;
        Fence::new(space, value).ok_or_else(|| NtStatus::NO_MEMORY.into())
    }

    /// Makes a fence that only `process` sees, with others of it in a page if that is wanted.
    pub(super) fn new_fence_of(&mut self, process: Handle, value: u64) -> Result<Fence, Fail> {
        if self.behaviour.fence_pages == FencePages::Own {
            return self.new_fence(value);
        }
        let space = self.io_space.as_ref().ok_or(NtStatus::NO_MEMORY)?;
        let process = self.processes.get_mut(&process);
        let process = process.ok_or(NtStatus::INVALID_HANDLE)?;
        let fence = Fence::beside(space, value, &mut process.fence_page);
        fence.ok_or_else(|| NtStatus::NO_MEMORY.into())
    }

    /// A device was given up: its work is dropped, but for paging, and its fences jump to their end,
    /// so that nobody waits for them for ever.
    pub(in crate::host) fn stop_device(&mut self, process: Handle, device: Handle) {
        let Some(process) = self.processes.get(&process) else {
            return;
        };
        let objects = &process.objects;
        let (mut queues, mut fences) = (Vec::new(), Vec::new());
        let mut left: Vec<Handle> = objects.children(device).collect();
        while let Some(object) = left.pop() {
            match objects.get(object).map(|object| &object.payload) {
                Some(Payload::Context(context)) => {
                    queues.extend([context.queue, context.updates]);
                }
                Some(Payload::HwQueue(queue)) => {
                    queues.push(queue.queue);
                    fences.push(queue.progress);
                }
                Some(Payload::SyncObject(object)) if object.flags.ends_on_reset() => {
                    fences.push(object.sync);
                }
                _ => {}
            }
            left.extend(objects.children(object));
        }
        for queue in queues {
            self.engine.clear_queue(queue);
        }
        for fence in fences {
            self.engine.end_fence(fence, Instant::now());
        }
    }

    /// What a paging command is answered with: PENDING and a value of the queue's fence, or SUCCESS and
    /// 0 if nothing has to be done and nothing that was asked for before is still being done.
    pub(in crate::host) fn finish_paging(
        &mut self,
        position: usize,
        call: &Call<'_>,
        queue: Handle,
        is_done: bool,
    ) -> Result<(NtStatus, u64), Fail> {
        if is_done && self.has_paged(position, call.process) {
            return Ok((NtStatus::SUCCESS, 0));
        }
        let value = self.queue_paging(position, call, queue)?;
        Ok((NtStatus::PENDING, value))
    }

    /// Whether no paging operation of a process is in progress on an adapter.
    fn has_paged(&self, position: usize, process: Handle) -> bool {
        let Some(found) = self.processes.get(&process) else {
            return true;
        };
        if self.has_closing_queue(process) {
            return false;
        }
        let objects = found.objects.iter().map(|(_, object)| object);
        let here = objects.filter(|object| object.adapter == position);
        let mut queues = here.filter_map(|object| match &object.payload {
            Payload::PagingQueue(queue) => Some(queue),
            _ => None,
        });
        queues.all(|queue| self.engine.is_idle(queue.queue))
    }

    /// Queues a paging operation. Returns the value that the queue's fence reaches when it is done.
    pub(in crate::host) fn queue_paging(
        &mut self,
        position: usize,
        call: &Call<'_>,
        queue: Handle,
    ) -> Result<u64, Fail> {
        let objects = &mut self.process(call)?.objects;
        let paging: &mut PagingQueue = objects.select_mut(position, queue)?;
        paging.last += 1;
        let (id, fence, value) = (paging.queue, paging.fence, paging.last);
        let work = Item::Execute(Some((fence, value)));
        self.engine.submit(&[id], &work, Instant::now())?;
        Ok(value)
    }
}

/// The command buffer of a submission; `None` for an empty one.
pub(super) fn command_buffer(address: u64, len: u32) -> Result<Option<Buffer>, Fail> {
    match len {
        0 => Ok(None),
        _ => match Buffer::new(address, len) {
            None => Err(NtStatus::INVALID_PARAMETER.into()),
            buffer => Ok(buffer),
        },
    }
}

/// What is done with a command buffer, and with none.
pub(super) fn work(buffer: Option<Buffer>, fence: Option<(SyncId, u64)>) -> Item {
    match buffer {
        Some(buffer) => Item::Run { buffer, fence },
        None => Item::Execute(fence),
    }
}

/// The device that `handle` names or hangs on must work.
pub(super) fn active_device(objects: &Objects, handle: Handle) -> Result<(), Fail> {
    let mut next = Some(handle);
    while let Some(object) = next.and_then(|handle| objects.get(handle)) {
        if let Payload::Device(device) = &object.payload {
            return works(device);
        }
        next = object.parent;
    }
    Err(NtStatus::INVALID_PARAMETER.into())
}

fn works(device: &Device) -> Result<(), Fail> {
    match device.state() {
        ExecutionState::Active => Ok(()),
        _ => Err(NtStatus::DEVICE_REMOVED.into()),
    }
}

/// The context or hardware queue that decides where a command goes.
pub(super) fn queue_selected(
    objects: &Objects,
    position: usize,
    handle: Handle,
) -> Result<QueueId, Fail> {
    if let Ok(queue) = queue_named(objects, position, handle) {
        return Ok(queue);
    }
    // Neither: this says why.
    Ok(objects.select::<Context>(position, handle)?.queue)
}

/// A context or hardware queue that a user names.
pub(super) fn queue_named(
    objects: &Objects,
    position: usize,
    handle: Handle,
) -> Result<QueueId, Fail> {
    match objects.named::<HwQueue>(position, handle) {
        Ok(queue) => Ok(queue.queue),
        Err(_) => Ok(objects.named::<Context>(position, handle)?.queue),
    }
}

/// All of `handles`, which users name, must be allocations.
pub(super) fn all_allocations(
    objects: &Objects,
    position: usize,
    mut handles: impl Iterator<Item = Handle>,
) -> Result<(), Fail> {
    let is_allocation = |handle| {
        objects.get(handle).is_some_and(|object| {
            object.adapter == position && object.payload.kind() == ObjectKind::Allocation
        })
    };
    if handles.all(is_allocation) {
        Ok(())
    } else {
        Err(NtStatus::INVALID_PARAMETER.into())
    }
}
