// SPDX-License-Identifier: GPL-2.0
//! What happens to a machine that no message asks for.

use std::sync::Arc;

use gpupv::wire::{CommandHeader, SetGuestData, SignalGuestEvent};
use vmbus::SendError;
use zerocopy::IntoBytes;

use crate::clock::Due;
use crate::layer::Inner;
use crate::plan::{Channel, Event};

/// How long it is until a slot is looked at again that the guest has not given up yet.
const LOOK_AGAIN_MS: u64 = 100;

impl Inner {
    /// Has an event happen, and counts it if it could.
    pub(crate) fn happen(self: &Arc<Self>, plan: u64, event: Event, channel: Channel) {
        let Some(machine) = self.machine() else {
            return;
        };
        let name = match event {
            Event::Rescind => {
                machine.rescind(channel);
                "rescind"
            }
            Event::Close => {
                // What was not answered is not the guest's fault.
                self.excuses().channel(channel.adapter());
                machine.rescind(channel);
                "close"
            }
            Event::OfferAgain { ms } => {
                machine.rescind(channel);
                self.offer_again(channel, ms);
                "offer-again"
            }
            Event::Eject { ms } | Event::TearOut { ms } => {
                let Some(adapter) = channel.adapter() else {
                    return;
                };
                let torn = matches!(event, Event::TearOut { .. });
                if torn {
                    machine.tear_out(adapter);
                } else {
                    machine.eject(adapter);
                }
                if let Some(ms) = ms {
                    self.insert_later(adapter, ms);
                }
                ["eject", "tear-out"][usize::from(torn)]
            }
            Event::GuestEvent { id } => {
                let message = SignalGuestEvent {
                    hdr: CommandHeader::to_guest(SignalGuestEvent::NUMBER),
                    event: id.unwrap_or_else(|| self.draw_subject()).into(),
                    process_id: 0.into(),
                    dereference_event: 0,
                    padding: [0; 7],
                };
                if !self.send_unasked(message.as_bytes()) {
                    return;
                }
                "guest-event"
            }
            Event::GuestData { id } => {
                let message = SetGuestData {
                    hdr: CommandHeader::to_guest(SetGuestData::NUMBER),
                    guest_pointer: id.unwrap_or_else(|| self.draw_subject()).into(),
                    data64: 1.into(),
                    dereference: 0.into(),
                    padding: 0.into(),
                };
                if !self.send_unasked(message.as_bytes()) {
                    return;
                }
                "guest-data"
            }
        };
        self.count(plan, name);
    }

    fn offer_again(self: &Arc<Self>, channel: Channel, ms: Option<u64>) {
        let own = Arc::clone(self);
        let offer = move || {
            if let Some(machine) = own.machine() {
                machine.offer_again(channel);
            }
        };
        match ms {
            None => offer(),
            Some(ms) => self.schedule(Due::after_ms(ms), Box::new(offer)),
        }
    }

    /// Puts a PCI function back, as soon as the guest has given up the one before.
    fn insert_later(self: &Arc<Self>, adapter: usize, ms: u64) {
        let own = Arc::clone(self);
        let insert = move || {
            let inserted = own.machine().is_none_or(|machine| machine.insert(adapter));
            if !inserted {
                own.insert_later(adapter, LOOK_AGAIN_MS);
            }
        };
        self.schedule(Due::after_ms(ms), Box::new(insert));
    }

    /// Sends a message on the global channel. Returns whether it is open.
    fn send_unasked(&self, message: &[u8]) -> bool {
        let Some(global) = self.global() else {
            return false;
        };
        if let Err(SendError::Overflow) = global.send(message) {
            global.rescind();
        }
        true
    }
}
