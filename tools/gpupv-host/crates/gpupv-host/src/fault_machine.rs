// SPDX-License-Identifier: GPL-2.0
//! The machine as the faults reach it: the channels and the PCI functions of its GPUs.

use std::sync::Arc;

use faults::plan::Channel;
use faults::{Faults, Machine};
use gpupv::FunctionMaker;
use vm::pci::{PciBus, SlotError};
use vmbus::proto::MessageType;
use vmbus::{DeviceId, Observer, RingFaults, VmbusServer};

/// The machine.
pub(crate) struct FaultMachine {
    pub(crate) faults: Faults,
    pub(crate) server: Arc<VmbusServer>,
    pub(crate) pci: PciBus,
    /// The global channel, then one channel per adapter.
    pub(crate) channels: Vec<DeviceId>,
    /// The slot of each adapter.
    pub(crate) slots: Vec<u8>,
    pub(crate) functions: FunctionMaker,
}

impl FaultMachine {
    fn device(&self, channel: Channel) -> Option<DeviceId> {
        let position = channel.adapter().map_or(0, |adapter| adapter + 1);
        self.channels.get(position).copied()
    }
}

/// A guest may have given up a function before it is asked to.
fn note(result: Result<(), SlotError>) {
    if let Err(error) = result {
        log::debug!("fault: {error}");
    }
}

impl Machine for FaultMachine {
    fn rescind(&self, channel: Channel) {
        if let Some(device) = self.device(channel) {
            self.server.rescind(device);
        }
    }

    fn offer_again(&self, channel: Channel) {
        if let Some(device) = self.device(channel) {
            self.server.offer_again(device);
        }
    }

    fn eject(&self, adapter: usize) {
        if let Some(&slot) = self.slots.get(adapter) {
            note(self.pci.request_eject(slot));
        }
    }

    fn tear_out(&self, adapter: usize) {
        if let Some(&slot) = self.slots.get(adapter) {
            note(self.pci.surprise_remove(slot));
        }
    }

    fn insert(&self, adapter: usize) -> bool {
        let Some((slot, function)) = self.functions.make(adapter) else {
            return true;
        };
        let function = self.faults.wrap_function(function, adapter);
        self.pci.insert(slot, function) != Err(SlotError::Occupied(slot))
    }

    fn ring_faults(&self, channel: Channel) -> Option<Arc<RingFaults>> {
        self.server.ring_faults(self.device(channel)?)
    }

    fn hold_messages(&self, kinds: &[MessageType], observer: Observer) {
        self.server.hold_messages(kinds, observer);
    }
}
