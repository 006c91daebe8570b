// SPDX-License-Identifier: GPL-2.0
//! What becomes of a command that fails and that nobody waits for.

use super::call::Call;
use super::shared::Shared;
use crate::command::{ContextCommand, Handler, QueueCommand, SyncCommand};
use crate::handles::Handle;
use crate::payload::Payload;
use crate::status::NtStatus;
use crate::wire::{
    SignalSyncObject, SubmitCommand, SubmitCommandToHwQueue, WaitForSyncObjectFromGpu,
};

impl Handler {
    /// Whether a driver need not wait for the answer, if it has been told so.
    pub(super) fn may_be_asynchronous(self) -> bool {
        matches!(
            self,
            Self::Context(ContextCommand::SubmitCommand)
                | Self::Queue(QueueCommand::SubmitCommandToHwQueue)
                | Self::Sync(SyncCommand::WaitForSyncObjectFromGpu | SyncCommand::SignalSyncObject)
        )
    }
}

impl Shared {
    /// Work is lost without anybody hearing of it: its device is given up, so that nobody waits for
    /// what does not come. A signal or a wait with a wrong argument is none of that: it does nothing,
    /// just as when its user is told so.
    pub(super) fn lose_work(
        &mut self,
        handler: Handler,
        position: usize,
        call: &Call<'_>,
        status: NtStatus,
    ) {
        let full = status == NtStatus::NO_MEMORY;
        let queue = match handler {
            Handler::Context(ContextCommand::SubmitCommand) => {
                let request: SubmitCommand = call.read();
                Some(request.broadcast_context[0].get())
            }
            Handler::Queue(QueueCommand::SubmitCommandToHwQueue) => {
                let request: SubmitCommandToHwQueue = call.read();
                Some(request.hwqueue.get())
            }
            Handler::Sync(SyncCommand::WaitForSyncObjectFromGpu) if full => {
                let request: WaitForSyncObjectFromGpu = call.read();
                Some(request.context.get())
            }
            Handler::Sync(SyncCommand::SignalSyncObject) if full => {
                let request: SignalSyncObject = call.read();
                let at = size_of::<SignalSyncObject>();
                // The first queue follows the objects.
                let count = request.object_count.get().saturating_add(1);
                let handles = call.handles(at, count).unwrap_or_default();
                let first = handles.last().filter(|_| request.context_count.get() > 0);
                first.map(|first| first.0)
            }
            _ => None,
        };
        let device = queue.and_then(|queue| self.device_of(position, call.process, Handle(queue)));
        if let Some(device) = device {
            self.give_up_device(call.process, device);
        }
    }

    /// The device that a context or hardware queue hangs on.
    fn device_of(&self, position: usize, process: Handle, queue: Handle) -> Option<Handle> {
        let objects = &self.processes.get(&process)?.objects;
        let object = objects.get(queue).filter(|o| o.adapter == position)?;
        let parent = object.parent?;
        match object.payload {
            Payload::Context(_) => Some(parent),
            Payload::HwQueue(_) => objects.get(parent)?.parent,
            _ => None,
        }
    }
}
