// SPDX-License-Identifier: GPL-2.0
//! The way of answers through the layer, and of the messages that the host sends by itself.

use std::sync::Arc;

use gpupv::wire::{CommandHeader, SetGuestData, SignalGuestEvent};
use vmbus::{ChannelHandle, ChannelPort, SendError};
use zerocopy::FromBytes;

use crate::answer::Changed;
use crate::clock::Job;
use crate::decision::Subject;
use crate::device::{Link, Pending};

/// A channel with the layer in front of it.
pub(crate) struct FaultyPort {
    link: Arc<Link>,
    port: ChannelHandle,
}

/// What kind of packet a message travels in.
#[derive(Clone, Copy)]
enum Packet {
    Answer,
    Unasked,
}

impl FaultyPort {
    pub(crate) fn new(link: Arc<Link>, port: ChannelHandle) -> Self {
        Self { link, port }
    }

    /// Answers a request in the device's stead. The channel ends if the guest does not read.
    pub(crate) fn answer(&self, transaction_id: u64, payload: &[u8]) {
        if let Err(SendError::Overflow) = self.complete(transaction_id, payload) {
            self.port.rescind();
        }
    }

    /// Sends what has become of a message.
    fn send_changed(&self, packet: Packet, plan: u64, changed: Changed) -> Result<(), SendError> {
        let faults = &self.link.faults;
        for name in &changed.done {
            faults.count(plan, name);
        }
        let Changed {
            transaction_id: id,
            payload,
            times,
            packets,
            later,
            ..
        } = changed;
        let ring = self.link.faults.ring(self.link.channel);
        let spoil = move || {
            for fault in &packets {
                if let Some(ring) = &ring {
                    ring.next_packet(*fault);
                }
            }
        };
        let Some(later) = later.filter(|_| times > 0) else {
            let send = || {
                spoil();
                send(&self.port, packet, id, &payload)
            };
            return (0..times).try_for_each(|_| send());
        };
        let bytes = payload.len() + size_of::<Job>();
        let port = self.port.clone();
        let run = Box::new(move || {
            let mut results = (0..times).map(|_| {
                spoil();
                send(&port, packet, id, &payload)
            });
            if results.any(|result| result == Err(SendError::Overflow)) {
                port.rescind();
            }
        });
        if let Err(job) = faults.later(plan, later, Job { bytes, run }) {
            (job.run)();
        }
        Ok(())
    }
}

fn send(port: &ChannelHandle, packet: Packet, id: u64, payload: &[u8]) -> Result<(), SendError> {
    match packet {
        Packet::Answer => port.complete(id, payload),
        Packet::Unasked => port.send(payload),
    }
}

impl ChannelPort for FaultyPort {
    fn complete(&self, transaction_id: u64, payload: &[u8]) -> Result<(), SendError> {
        let Some(pending) = self.link.take_pending(transaction_id) else {
            return self.port.complete(transaction_id, payload);
        };
        let Pending {
            plan,
            changes,
            misleads_process,
        } = pending;
        if let Some(Ok(process)) = payload.get(..4).map(<[u8; 4]>::try_from) {
            if misleads_process {
                let excuses = self.link.faults.excuses();
                excuses.process(u32::from_le_bytes(process));
            }
        }
        let changed = Changed::new(transaction_id, payload, changes);
        self.send_changed(Packet::Answer, plan, changed)
    }

    fn send(&self, payload: &[u8]) -> Result<(), SendError> {
        let number = CommandHeader::read_from_prefix(payload).map(|(h, _)| h.command_type.get());
        let about = payload.get(24..32).map(<[u8; 8]>::try_from);
        if let Some(Ok(about)) = about {
            self.link.faults.note_unasked(u64::from_le_bytes(about));
        }
        let subject = Subject {
            command: match number {
                Ok(SignalGuestEvent::NUMBER) => "SIGNALGUESTEVENT",
                Ok(SetGuestData::NUMBER) => "SETGUESTDATA",
                _ => "",
            },
            channel: self.link.channel,
            answered: false,
            unasked: true,
        };
        let decision = self.link.faults.decide(&subject, &[]);
        let faults = &self.link.faults;
        faults.do_beside(decision.plan, &decision.beside, self.link.channel);
        if decision.changes.is_empty() {
            return self.port.send(payload);
        }
        let changed = Changed::new(0, payload, decision.changes);
        self.send_changed(Packet::Unasked, decision.plan, changed)
    }

    fn rescind(&self) {
        self.port.rescind();
    }
}
