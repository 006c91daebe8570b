// SPDX-License-Identifier: GPL-2.0
//! The global channel: one for the virtual machine.

use std::sync::{Arc, Mutex};

use vmbus::{ChannelHandle, Closed, Device, GpadlView, Offer, OpenError, Packet};

use crate::host::{lock, Shared, Source};
use crate::identity::{GLOBAL_CLASS, GLOBAL_INSTANCE};
use crate::vgpu::MAX_PACKET;

/// The device behind the global channel.
pub(crate) struct GlobalDevice {
    io_space_mib: u16,
    shared: Arc<Mutex<Shared>>,
}

impl GlobalDevice {
    pub(crate) fn new(io_space_mib: u16, shared: Arc<Mutex<Shared>>) -> Self {
        Self {
            io_space_mib,
            shared,
        }
    }
}

impl Device for GlobalDevice {
    fn offer(&self) -> Offer {
        Offer {
            class: GLOBAL_CLASS,
            instance: GLOBAL_INSTANCE,
            mmio_megabytes: self.io_space_mib,
            max_packet: MAX_PACKET,
        }
    }

    fn open(&mut self, channel: ChannelHandle) -> Result<(), OpenError> {
        lock(&self.shared).channel_opened(Source::Global, channel);
        Ok(())
    }

    fn packet(&mut self, packet: Packet) {
        lock(&self.shared).packet(Source::Global, &packet);
    }

    fn closed(&mut self, why: Closed) {
        lock(&self.shared).global_closed(why);
    }

    fn gpadl(&mut self, id: u32, memory: Option<GpadlView>) {
        lock(&self.shared).gpadl(id, memory);
    }
}
