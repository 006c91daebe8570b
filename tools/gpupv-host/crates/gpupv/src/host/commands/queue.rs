// SPDX-License-Identifier: GPL-2.0
//! Hardware queues and paging queues, and work for the former.

use std::time::Instant;

use zerocopy::IntoBytes;

use super::super::call::{answer, broken, check_answer, success, Call, Fail, Reply};
use super::super::shared::Shared;
use super::work::{active_device, all_allocations, command_buffer, work};
use crate::behaviour::NullPointers;
use crate::command::QueueCommand;
use crate::device::Device;
use crate::engine::Owner;
use crate::handles::Handle;
use crate::objects::Object;
use crate::payload::Payload;
use crate::queue_data;
use crate::queues::{Context, HwQueue, PagingQueue};
use crate::status::NtStatus;
use crate::sync::{Primitive, QueueFence, SyncFlags, SyncId};
use crate::wire::{
    CreateHwQueue, CreatePagingQueue, CreatePagingQueueReturn, DestroyHwQueue, DestroyPagingQueue,
    SubmitCommandToHwQueue,
};

impl Shared {
    pub(in crate::host) fn queue_command(
        &mut self,
        command: QueueCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            QueueCommand::CreatePagingQueue => self.create_paging_queue(position, call),
            QueueCommand::DestroyPagingQueue => {
                let request: DestroyPagingQueue = call.read();
                let queue = Handle(request.paging_queue.get());
                let objects = &self.process(call)?.objects;
                objects.select::<PagingQueue>(position, queue)?;
                self.close_paging_queue(call, queue)
            }
            QueueCommand::CreateHwQueue => self.create_hw_queue(position, call),
            QueueCommand::DestroyHwQueue => {
                let request: DestroyHwQueue = call.read();
                let queue = Handle(request.hwqueue.get());
                let objects = &self.process(call)?.objects;
                objects.select::<HwQueue>(position, queue)?;
                self.remove_object(call, queue)?;
                success()
            }
            QueueCommand::SubmitCommandToHwQueue => self.submit_to_hw_queue(position, call),
        }
    }

    fn create_paging_queue(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: CreatePagingQueue = call.read();
        let device = Handle(request.device.get());
        let objects = &self.process(call)?.objects;
        objects.select::<Device>(position, device)?;
        let possible =
            (-1..=1).contains(&request.priority.get()) && request.physical_adapter_index.get() == 0;
        if !possible {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        active_device(objects, device)?;
        let process = call.process;
        let fence = self.new_fence_of(process, 0)?;
        let address = self.fence_address(&fence, SyncFlags(0));
        let id = self.engine.create_queue(Owner { process, device }, None);
        let sync = self
            .engine
            .create_sync(position, Primitive::Monitored(fence));
        let queue = Payload::PagingQueue(PagingQueue {
            queue: id,
            fence: sync,
            last: 0,
        });
        let (queue, handle) = self
            .add_queue(position, call, device, queue, sync)
            .inspect_err(|_| self.engine.remove_queue(id))?;
        answer(&CreatePagingQueueReturn {
            paging_queue: queue.0.into(),
            sync_object: handle.0.into(),
            fence_storage_physical_address: address.guest.into(),
            fence_storage_offset: u64::from(address.offset).into(),
        })
    }

    fn create_hw_queue(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: CreateHwQueue = call.read();
        // CAST: u32 to usize, on a 64-bit host.
        let size = request.priv_drv_data_size.get() as usize;
        let data = call.bytes(CreateHwQueue::DATA_OFFSET, size)?;
        // What the padding of the struct makes of it.
        let len = size_of::<CreateHwQueue>() - 1 + size.max(1);
        check_answer(len)?;
        let context = Handle(request.context.get());
        let objects = &self.process(call)?.objects;
        let found = objects.select::<Context>(position, context)?;
        let schedule = found.schedule(position);
        if !found.hw_queues || request.flags.get() & !CreateHwQueue::FLAGS != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        active_device(objects, context)?;
        let device = objects.get(context).and_then(|object| object.parent);
        let device = device.ok_or(NtStatus::INVALID_PARAMETER)?;
        // The answer has no offset: the value is at the start of a page.
        let fence = self.new_fence(0)?;
        let (address, gpu_address) = (fence.page_address(), fence.gpu_address());
        let process = call.process;
        let id = self
            .engine
            .create_queue(Owner { process, device }, Some(schedule));
        let sync = self
            .engine
            .create_sync(position, Primitive::Monitored(fence));
        let queue = Payload::HwQueue(HwQueue {
            queue: id,
            progress: sync,
            last: 0,
        });
        let (queue, progress) = self
            .add_queue(position, call, context, queue, sync)
            .inspect_err(|_| self.engine.remove_queue(id))?;
        let answer = CreateHwQueue {
            status: NtStatus::SUCCESS.0.into(),
            hwqueue: queue.0.into(),
            hwqueue_progress_fence: progress.0.into(),
            hwqueue_progress_fence_cpuva: address.into(),
            hwqueue_progress_fence_gpuva: gpu_address.into(),
            ..request
        };
        let mut reply = answer.as_bytes()[..CreateHwQueue::DATA_OFFSET].to_vec();
        reply.extend(data);
        queue_data::fill(&mut reply[CreateHwQueue::DATA_OFFSET..], queue);
        reply.resize(len, 0);
        Ok(reply)
    }

    /// Adds a queue and, below it, its fence.
    fn add_queue(
        &mut self,
        adapter: usize,
        call: &Call<'_>,
        parent: Handle,
        payload: Payload,
        sync: SyncId,
    ) -> Result<(Handle, Handle), Fail> {
        let queue = Object {
            adapter,
            parent: Some(parent),
            payload,
        };
        let queue = self
            .add_object(call, queue)
            .inspect_err(|_| self.engine.drop_handle(sync))?;
        let fence = Object {
            adapter,
            parent: Some(queue),
            payload: Payload::MonitoredFence(QueueFence { sync }),
        };
        match self.add_object(call, fence) {
            Ok(fence) => Ok((queue, fence)),
            Err(fail) => {
                self.engine.drop_handle(sync);
                self.remove_object(call, queue)?;
                Err(fail)
            }
        }
    }

    fn submit_to_hw_queue(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: SubmitCommandToHwQueue = call.read();
        let (primaries, data) = (
            request.num_primaries.get(),
            request.priv_drv_data_size.get(),
        );
        let most = SubmitCommandToHwQueue::COUNT_MAX;
        if primaries > most || data > most {
            return broken(format!("{primaries} primaries, {data} bytes of data"));
        }
        let is_null = (primaries > 0 && request.written_primaries.get() == 0)
            || (data > 0 && request.priv_drv_data.get() == 0);
        let refuses_null = self.behaviour.null_pointers == NullPointers::Refuse;
        let primaries = call.handles(size_of::<SubmitCommandToHwQueue>(), primaries)?;
        let data_at = size_of::<SubmitCommandToHwQueue>() + 4 * primaries.len();
        call.bytes(data_at, data as usize)?;
        let handle = Handle(request.hwqueue.get());
        let value = request.hwqueue_progress_fence_id.get();
        let buffer = command_buffer(request.command_buffer.get(), request.command_length.get());
        let objects = &mut self.process(call)?.objects;
        let queue: &HwQueue = objects.select(position, handle)?;
        if value <= queue.last || (is_null && refuses_null) {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        active_device(objects, handle)?;
        all_allocations(objects, position, primaries.into_iter())?;
        let buffer = buffer?;
        let queue: &mut HwQueue = objects.select_mut(position, handle)?;
        let (id, progress) = (queue.queue, queue.progress);
        let before = std::mem::replace(&mut queue.last, value);
        let work = work(buffer, Some((progress, value)));
        if let Err(status) = self.engine.submit(&[id], &work, Instant::now()) {
            let objects = &mut self.process(call)?.objects;
            objects.select_mut::<HwQueue>(position, handle)?.last = before;
            return Err(status.into());
        }
        success()
    }
}
