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
}

impl VgpuDevice {
    pub(crate) fn new(position: usize, identity: Identity, shared: Arc<Mutex<Shared>>) -> Self {
        Self {
            position,
            identity,
            shared,
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
        lock(&self.shared).channel_opened(Source::Vgpu(self.position), channel);
        Ok(())
    }

    fn packet(&mut self, packet: Packet) {
        lock(&self.shared).packet(Source::Vgpu(self.position), &packet);
    }

    fn closed(&mut self, why: Closed) {
        lock(&self.shared).vgpu_closed(self.position, why);
    }

    fn gpadl(&mut self, _id: u32, _memory: Option<GpadlView>) {
        // Guest memory is lent on the global channel.
    }
}
