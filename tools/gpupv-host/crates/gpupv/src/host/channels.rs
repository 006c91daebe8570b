// SPDX-License-Identifier: GPL-2.0
//! The open channels, and answers that come later than their packet is handled.

use std::borrow::Cow;

use vmbus::{ChannelHandle, SendError};

use super::dispatch::Source;
use crate::command::PAYLOAD_MAX;

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
    /// How many bytes follow an answer that is not empty.
    padding: usize,
}

/// What padding consists of: no guest may take it for a handle, a status or a value.
const PADDING: u8 = 0xA5;

impl Channels {
    pub(super) fn new(vgpus: usize, padding: u32) -> Self {
        Self {
            // CAST: u32 to usize, on a 64-bit host.
            padding: padding as usize,
            global: Channel::default(),
            vgpus: (0..vgpus).map(|_| Channel::default()).collect(),
        }
    }

    /// The guest opened a channel.
    pub(super) fn opened(&mut self, source: Source, handle: ChannelHandle) {
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

    /// Answers a request; not if its channel was closed since. A guest that waits gets an answer in any
    /// case: one that is too short, of which it takes nothing, if it could not receive the true one.
    pub(crate) fn answer(&self, ticket: Ticket, reply: &[u8]) {
        let channel = self.get(ticket.source);
        let Some(handle) = &channel.handle else {
            return;
        };
        if channel.openings != ticket.opening || !ticket.waits {
            return;
        }
        let id = ticket.transaction_id;
        let mut result = handle.complete(id, &self.padded(reply));
        if let Err(error @ SendError::TooLarge { .. }) = result {
            log::error!("request {id} is answered with nothing: {error}");
            result = handle.complete(id, &[]);
        }
        if let Err(error) = result {
            lost(handle, error, "the reply to a request");
        }
    }

    /// Makes an answer longer, if that is wanted and it still fits. An empty one says that a command
    /// has failed and stays empty.
    fn padded<'a>(&self, reply: &'a [u8]) -> Cow<'a, [u8]> {
        let len = (reply.len() + self.padding).min(PAYLOAD_MAX);
        if reply.is_empty() || len <= reply.len() {
            return Cow::Borrowed(reply);
        }
        let mut padded = reply.to_vec();
        padded.resize(len, PADDING);
        Cow::Owned(padded)
    }

    /// Sends a message that the guest did not ask for, on the global channel. Without an open
    /// channel nobody would hear it.
    pub(crate) fn notify(&self, message: &[u8]) {
        let Some(handle) = &self.global.handle else {
            return;
        };
        if let Err(error) = handle.send(message) {
            lost(handle, error, "a message");
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

/// Somebody in the guest may wait for what cannot be sent. Only the end of the channel tells them so.
fn lost(handle: &ChannelHandle, error: SendError, what: &str) {
    if error != SendError::Closed {
        log::warn!("{what} is lost, and its channel with it: {error}");
        handle.rescind();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use vmbus::{ChannelPort, Packet};

    use super::*;

    /// A port that takes so many bytes at once, and a number of packets in all.
    #[derive(Default)]
    struct Narrow {
        limit: usize,
        room: usize,
        taken: Mutex<Vec<(u64, usize)>>,
        rescinded: Mutex<u32>,
    }

    impl ChannelPort for Narrow {
        fn complete(&self, transaction_id: u64, payload: &[u8]) -> Result<(), SendError> {
            let (size, limit) = (payload.len(), self.limit);
            let mut taken = self.taken.lock().unwrap();
            if size > limit {
                return Err(SendError::TooLarge { size, limit });
            }
            if taken.len() >= self.room {
                return Err(SendError::Overflow);
            }
            taken.push((transaction_id, size));
            Ok(())
        }

        fn send(&self, payload: &[u8]) -> Result<(), SendError> {
            self.complete(0, payload)
        }

        fn rescind(&self) {
            *self.rescinded.lock().unwrap() += 1;
        }
    }

    fn opened(limit: usize, room: usize) -> (Channels, Arc<Narrow>) {
        let port = Arc::new(Narrow {
            limit,
            room,
            ..Narrow::default()
        });
        let mut channels = Channels::new(1, 0);
        for source in [Source::Global, Source::Vgpu(0)] {
            channels.opened(source, ChannelHandle::new(Arc::clone(&port) as _));
        }
        (channels, port)
    }

    fn request(channels: &Channels, transaction_id: u64) -> Ticket {
        let packet = Packet {
            transaction_id,
            completion_requested: true,
            payload: Vec::new(),
        };
        channels.ticket(Source::Vgpu(0), &packet)
    }

    #[test]
    fn a_reply_that_is_too_long_becomes_an_empty_one() {
        let (channels, port) = opened(16, 10);
        channels.answer(request(&channels, 5), &[0; 16]);
        channels.answer(request(&channels, 6), &[0; 17]);
        assert_eq!(*port.taken.lock().unwrap(), [(5, 16), (6, 0)]);
        assert_eq!(*port.rescinded.lock().unwrap(), 0);
    }

    #[test]
    fn a_guest_that_reads_nothing_loses_the_channel() {
        let (channels, port) = opened(16, 1);
        channels.answer(request(&channels, 5), &[0; 8]);
        channels.answer(request(&channels, 6), &[0; 8]);
        assert_eq!(*port.rescinded.lock().unwrap(), 1);
        channels.notify(&[0; 8]);
        assert_eq!(*port.rescinded.lock().unwrap(), 2);
        assert_eq!(*port.taken.lock().unwrap(), [(5, 8)]);
    }
}
