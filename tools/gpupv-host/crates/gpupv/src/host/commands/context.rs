// SPDX-License-Identifier: GPL-2.0
//! Contexts, and work for them.

use std::time::Instant;

use zerocopy::IntoBytes;

use super::super::call::{answer, broken, check_answer, success, Call, Fail, Reply};
use super::super::shared::Shared;
use super::work::{active_device, all_allocations, command_buffer, work};
use crate::behaviour::NullPointers;
use crate::command::ContextCommand;
use crate::device::Device;
use crate::engine::{NodeId, Owner, Schedule};
use crate::handles::Handle;
use crate::objects::Object;
use crate::payload::Payload;
use crate::queue_data;
use crate::queues::{Context, HwQueue, Priority};
use crate::status::NtStatus;
use crate::wire::{
    CreateContextVirtual, DestroyContext, GetContextSchedulingPriority,
    GetContextSchedulingPriorityReturn, SetContextSchedulingPriority, SubmitCommand,
};

/// The highest scheduling priority; its negative is the lowest.
const PRIORITY_MAX: i32 = 7;

impl Shared {
    pub(in crate::host) fn context_command(
        &mut self,
        command: ContextCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            ContextCommand::CreateContextVirtual => self.create_context(position, call),
            ContextCommand::DestroyContext => {
                let request: DestroyContext = call.read();
                let context = Handle(request.context.get());
                let objects = &self.process(call)?.objects;
                objects.select::<Context>(position, context)?;
                self.remove_object(call, context)?;
                success()
            }
            ContextCommand::SubmitCommand => self.submit_command(position, call),
            ContextCommand::SetContextSchedulingPriority => {
                self.set_context_priority(position, call)
            }
            ContextCommand::GetContextSchedulingPriority => {
                self.get_context_priority(position, call)
            }
        }
    }

    fn create_context(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: CreateContextVirtual = call.read();
        // CAST: u32 to usize, on a 64-bit host.
        let size = request.priv_drv_data_size.get() as usize;
        let data = call.bytes(CreateContextVirtual::DATA_OFFSET, size)?;
        // What the padding of the struct makes of it.
        let len = size_of::<CreateContextVirtual>() - 1 + size;
        check_answer(len)?;
        let device = Handle(request.device.get());
        let description = &self.adapters[position].description;
        let engines = description.engines.len();
        let flags = request.flags.get();
        let hw_queues = flags & CreateContextVirtual::HW_QUEUE_SUPPORTED != 0;
        let possible = (request.node_ordinal.get() as usize) < engines
            && request.engine_affinity.get() <= 1
            && flags & !CreateContextVirtual::FLAGS == 0
            && (!hw_queues || description.hardware_scheduling);
        let objects = &self.process(call)?.objects;
        objects.select::<Device>(position, device)?;
        if !possible {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        active_device(objects, device)?;
        let process = call.process;
        let schedule = Schedule {
            node: NodeId {
                adapter: position,
                ordinal: request.node_ordinal.get(),
            },
            priority: Priority::default(),
        };
        let owner = Owner { process, device };
        let queue = self.engine.create_queue(owner, Some(schedule));
        let updates = self.engine.create_queue(owner, None);
        let context = Object {
            adapter: position,
            parent: Some(device),
            payload: Payload::Context(Context {
                queue,
                updates,
                node: request.node_ordinal.get(),
                hw_queues,
                priority: Priority::default(),
            }),
        };
        let handle = self.add_object(call, context).inspect_err(|_| {
            self.engine.remove_queue(queue);
            self.engine.remove_queue(updates);
        })?;
        let answer = CreateContextVirtual {
            context: handle.0.into(),
            ..request
        };
        let mut reply = answer.as_bytes()[..CreateContextVirtual::DATA_OFFSET].to_vec();
        reply.extend(data);
        queue_data::fill(&mut reply[CreateContextVirtual::DATA_OFFSET..], handle);
        reply.resize(len, 0);
        Ok(reply)
    }

    fn submit_command(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: SubmitCommand = call.read();
        // CAST: u32 to usize, on a 64-bit host; the number of contexts is small.
        let count = request.broadcast_context_count.get() as usize;
        let (history, data) = (
            request.num_history_buffers.get(),
            request.priv_drv_data_size.get(),
        );
        if count == 0 || count > request.broadcast_context.len() {
            return broken(format!("{count} contexts"));
        }
        if history > SubmitCommand::HISTORY_MAX || data > SubmitCommand::DATA_MAX {
            return broken(format!("{history} history buffers, {data} bytes of data"));
        }
        let is_null = (history > 0 && request.history_buffer_array.get() == 0)
            || (data > 0 && request.priv_drv_data.get() == 0);
        let refuses_null = self.behaviour.null_pointers == NullPointers::Refuse;
        let history = call.handles(size_of::<SubmitCommand>(), history)?;
        call.bytes(
            size_of::<SubmitCommand>() + 4 * history.len(),
            data as usize,
        )?;
        let contexts = request.broadcast_context[..count].iter();
        let contexts: Vec<Handle> = contexts.map(|handle| Handle(handle.get())).collect();
        let primaries = request
            .written_primaries
            .get(..request.num_primaries.get() as usize);

        let objects = &self.process(call)?.objects;
        objects.select::<Context>(position, contexts[0])?;
        let mut queues = Vec::with_capacity(count);
        for &handle in &contexts {
            let context: &Context = objects.named(position, handle)?;
            if context.hw_queues {
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
            active_device(objects, handle)?;
            queues.push(context.queue);
        }
        let primaries = primaries.ok_or(NtStatus::INVALID_PARAMETER)?;
        let written = primaries.iter().map(|handle| Handle(handle.get()));
        all_allocations(objects, position, written.chain(history))?;
        if request.flags.get() & !SubmitCommand::FLAGS != 0 || (is_null && refuses_null) {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let buffer = match request.flags.get() & SubmitCommand::NULL_RENDERING {
            0 => command_buffer(request.command_buffer.get(), request.command_length.get())?,
            // The buffer is there for show.
            _ => None,
        };
        let work = work(buffer, None);
        self.engine.submit(&queues, &work, Instant::now())?;
        success()
    }

    fn set_context_priority(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: SetContextSchedulingPriority = call.read();
        let in_process = boolean(request.in_process)?;
        let priority = request.priority.get();
        let objects = &mut self.process(call)?.objects;
        let handle = Handle(request.context.get());
        let context: &mut Context = objects.select_mut(position, handle)?;
        if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&priority) {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        if in_process {
            context.priority.in_process = priority;
        } else {
            context.priority.global = priority;
        }
        let (queue, priority) = (context.queue, context.priority);
        let mut queues = vec![queue];
        for child in objects.children(handle) {
            if let Ok(queue) = objects.named::<HwQueue>(position, child) {
                queues.push(queue.queue);
            }
        }
        for queue in queues {
            self.engine.set_priority(queue, priority);
        }
        success()
    }

    fn get_context_priority(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: GetContextSchedulingPriority = call.read();
        let in_process = boolean(request.in_process)?;
        let objects = &self.process(call)?.objects;
        let context: &Context = objects.select(position, Handle(request.context.get()))?;
        let priority = if in_process {
            context.priority.in_process
        } else {
            context.priority.global
        };
        answer(&GetContextSchedulingPriorityReturn {
            status: NtStatus::SUCCESS.0.into(),
            priority: priority.into(),
        })
    }
}

/// A truth value, which drivers write themselves.
fn boolean(byte: u8) -> Result<bool, Fail> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        other => broken(format!("{other} as a truth value")),
    }
}
