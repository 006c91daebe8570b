// SPDX-License-Identifier: GPL-2.0
//! The channel of a vGPU.

use std::sync::{Arc, Mutex};

use vmbus::{ChannelHandle, Closed, Device, GpadlView, Offer, OpenError, Packet};

use crate::host::{lock, Shared, Source};
use crate::identity::{Identity, VGPU_CLASS};

/// What guests' drivers make their receive buffers for.
pub(crate) const MAX_PACKET: usize = 128 << 10;

/// The device behind a vGPU's channel.
pub(crate) struct VgpuDevice {
    /// Which of the adapters it is.
    position: usize,
    identity: Identity,
    shared: Arc<Mutex<Shared>>,
    channel: Option<ChannelHandle>,
}

impl VgpuDevice {
    pub(crate) fn new(position: usize, identity: Identity, shared: Arc<Mutex<Shared>>) -> Self {
        Self {
            position,
            identity,
            shared,
            channel: None,
        }
    }
}

impl Device for VgpuDevice {
    fn offer(&self) -> Offer {
        Offer {
            class: VGPU_CLASS,
            instance: self.identity.instance,
            mmio_megabytes: 0,
            max_packet: MAX_PACKET,
        }
    }

    fn open(&mut self, channel: ChannelHandle) -> Result<(), OpenError> {
        self.channel = Some(channel);
        Ok(())
    }

    fn packet(&mut self, packet: Packet) {
        let reply = lock(&self.shared).packet(Source::Vgpu(self.position), &packet);
        complete(self.channel.as_ref(), &packet, reply);
    }

    fn closed(&mut self, why: Closed) {
        self.channel = None;
        lock(&self.shared).vgpu_closed(self.position, why);
    }

    fn gpadl(&mut self, _id: u32, _memory: Option<GpadlView>) {
        // Guest memory is lent on the global channel.
    }
}

/// Sends a reply, if there is one.
pub(crate) fn complete(channel: Option<&ChannelHandle>, packet: &Packet, reply: Option<Vec<u8>>) {
    let (Some(channel), Some(reply)) = (channel, reply) else {
        return;
    };
    if let Err(error) = channel.complete(packet.transaction_id, &reply) {
        log::warn!(
            "reply to request {} is lost: {error}",
            packet.transaction_id
        );
    }
}
