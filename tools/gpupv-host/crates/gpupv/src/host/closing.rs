// SPDX-License-Identifier: GPL-2.0
//! Paging queues that are destroyed: their handles are gone at once, their work is done first.

use super::call::{success, Call, Fail, Reply};
use super::channels::Ticket;
use super::shared::Shared;
use crate::engine::{Owner, QueueId};
use crate::handles::Handle;
use crate::payload::{Payload, Removed};
use crate::status::NtStatus;

/// A paging queue that has no handle any more.
pub(super) struct ClosingQueue {
    owner: Owner,
    queue: QueueId,
    /// The queue and its fence, as they were in the table of the process.
    removed: Vec<Removed>,
    /// Who waits for the end of the queue.
    ticket: Ticket,
}

impl Shared {
    /// Takes the handle of a paging queue away, and answers when the work in it is done.
    pub(super) fn close_paging_queue(&mut self, call: &Call<'_>, handle: Handle) -> Reply {
        let process = call.process;
        let objects = &mut self.process(call)?.objects;
        let device = objects.get(handle).and_then(|queue| queue.parent);
        let device = device.ok_or(NtStatus::INVALID_PARAMETER)?;
        let removed = objects.remove(handle);
        let queue = removed
            .iter()
            .find_map(|(_, object)| match &object.payload {
                Payload::PagingQueue(queue) => Some(queue.queue),
                _ => None,
            });
        match queue.filter(|&queue| !self.engine.is_idle(queue)) {
            None => {
                self.release(process, removed);
                success()
            }
            Some(queue) => {
                self.closing.push(ClosingQueue {
                    owner: Owner { process, device },
                    queue,
                    removed,
                    ticket: call.ticket,
                });
                Err(Fail::Later)
            }
        }
    }

    /// Whether a process has destroyed paging queues that still have work.
    pub(super) fn has_closing_queue(&self, process: Handle) -> bool {
        let closing = self.closing.iter();
        closing.filter(|c| c.owner.process == process).count() > 0
    }

    /// Ends the destroyed queues whose work is done.
    pub(super) fn end_idle_queues(&mut self) {
        self.end_queues(|shared, closing| shared.engine.is_idle(closing.queue));
    }

    /// A device is destroyed: the queues that were destroyed before it end with what is in them.
    pub(super) fn end_queues_of(&mut self, owner: Owner) {
        self.end_queues(|_, closing| closing.owner == owner);
    }

    fn end_queues(&mut self, ends: impl Fn(&Self, &ClosingQueue) -> bool) {
        let closing = std::mem::take(&mut self.closing);
        let (ended, left) = closing.into_iter().partition(|closing| ends(self, closing));
        self.closing = left;
        let ended: Vec<ClosingQueue> = ended;
        for closing in ended {
            self.release(closing.owner.process, closing.removed);
            let status = NtStatus::SUCCESS.0.to_le_bytes();
            self.trace_late(closing.ticket.source(), "DESTROYPAGINGQUEUE", &status);
            self.channels.answer(closing.ticket, &status);
        }
    }
}
