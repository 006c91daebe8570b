// SPDX-License-Identifier: GPL-2.0
//! What the engine has to say, and to whom.

use std::time::Instant;

use zerocopy::IntoBytes;

use super::channels::Ticket;
use super::shared::Shared;
use crate::engine::Owner;
use crate::status::NtStatus;
use crate::wire::{CommandHeader, SignalGuestEvent};

impl Shared {
    /// Does what is due at `now`.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.engine.advance(now);
        self.settle();
    }

    /// Passes on what the engine has done. To be called whenever it may have done something.
    pub(crate) fn settle(&mut self) {
        self.make_due_updates();
        self.end_idle_queues();
        let news = self.engine.take_news();
        for event in news.events {
            let message = SignalGuestEvent {
                hdr: CommandHeader::to_guest(SignalGuestEvent::NUMBER),
                event: event.into(),
                process_id: 0.into(),
                dereference_event: 0,
                padding: [0; 7],
            };
            self.notify("SIGNALGUESTEVENT", message.as_bytes());
        }
        for handle in news.freed {
            self.handles.remove(handle);
        }
        if !news.idle.is_empty() {
            // Work that was dropped may be in the middle of a step.
            self.memories.wait_for_engines();
        }
        for idle in news.idle {
            let flushes = std::mem::take(&mut self.flushes);
            let (done, left) = flushes.into_iter().partition(|(owner, _)| *owner == idle);
            self.flushes = left;
            let done: Vec<(Owner, Ticket)> = done;
            for (_, ticket) in done {
                let status = NtStatus::SUCCESS.0.to_le_bytes();
                self.trace_late(ticket.source(), "FLUSHDEVICE", &status);
                self.channels.answer(ticket, &status);
            }
        }
        for node in news.busy {
            self.engines.ring(node, &mut self.memories);
        }
        self.alarm.set(self.engine.next_due());
    }

    /// Answers later, when no work of a device is in progress any more.
    pub(super) fn answer_when_idle(&mut self, owner: Owner, ticket: Ticket) {
        self.flushes.push((owner, ticket));
        self.engine.flush(owner);
    }
}
