// SPDX-License-Identifier: GPL-2.0
//! The open channels, and answers that come later than their packet is handled.

use vmbus::ChannelHandle;

use super::dispatch::Source;

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    source: Source,
    /// Which opening of the channel it came through.
    opening: u64,
    transaction_id: u64,
    /// Whether the guest waits at all.
    waits: bool,
}

impl Ticket {
    /// Where the request came from.
    pub(super) fn source(self) -> Source {
        self.source
    }
}

#[derive(Default)]
struct Channel {
    handle: Option<ChannelHandle>,
    openings: u64,
}

/// The channels. A handle never blocks, so it may be used under the lock.
pub(crate) struct Channels {
    global: Channel,
    vgpus: Vec<Channel>,
}

impl Channels {
    pub(super) fn new(vgpus: usize) -> Self {
        Self {
            global: Channel::default(),
            vgpus: (0..vgpus).map(|_| Channel::default()).collect(),
        }
    }

    /// The guest opened a channel.
    pub(crate) fn opened(&mut self, source: Source, handle: ChannelHandle) {
        let channel = self.get_mut(source);
        channel.handle = Some(handle);
        channel.openings += 1;
    }

    /// A channel was closed; nobody waits for its answers any more.
    pub(super) fn closed(&mut self, source: Source) {
        self.get_mut(source).handle = None;
    }

    /// Whether a channel is open.
    pub(super) fn is_open(&self, source: Source) -> bool {
        self.get(source).handle.is_some()
    }

    /// The ticket of a packet.
    pub(super) fn ticket(&self, source: Source, packet: &vmbus::Packet) -> Ticket {
        Ticket {
            source,
            opening: self.get(source).openings,
            transaction_id: packet.transaction_id,
            waits: packet.completion_requested,
        }
    }

    /// Answers a request; not if its channel was closed since.
    pub(crate) fn answer(&self, ticket: Ticket, reply: &[u8]) {
        let channel = self.get(ticket.source);
        let Some(handle) = &channel.handle else {
            return;
        };
        if channel.openings != ticket.opening || !ticket.waits {
            return;
        }
        let id = ticket.transaction_id;
        if let Err(error) = handle.complete(id, reply) {
            log::warn!("reply to request {id} is lost: {error}");
        }
    }

    /// Sends a message that the guest did not ask for, on the global channel. Without an open
    /// channel nobody would hear it.
    pub(crate) fn notify(&self, message: &[u8]) {
        let Some(handle) = &self.global.handle else {
            return;
        };
        if let Err(error) = handle.send(message) {
            log::warn!("a message of {} bytes is lost: {error}", message.len());
        }
    }

    fn get(&self, source: Source) -> &Channel {
        match source {
            Source::Global => &self.global,
            Source::Vgpu(position) => &self.vgpus[position],
        }
    }

    fn get_mut(&mut self, source: Source) -> &mut Channel {
        match source {
            Source::Global => &mut self.global,
            Source::Vgpu(position) => &mut self.vgpus[position],
        }
    }
}
