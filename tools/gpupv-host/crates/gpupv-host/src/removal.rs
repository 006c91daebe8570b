// SPDX-License-Identifier: GPL-2.0
//! The removal port: a guest under test takes its own devices away, as a host may at any time.
//!
//! A byte written to the port names an action and a device: 0 is the global channel, n the n-th
//! adapter. What makes no sense is logged and changes nothing. Two actions make the host slow, as it
//! may also be; they are for the device 0.

use std::sync::Arc;

use gpupv::StartHold;
use vm::bus::BusDevice;
use vm::pci::PciBus;
use vmbus::{DeviceId, VmbusServer};

/// The port.
pub(crate) const PORT: u16 = 0x606;

/// What a byte asks for, in its upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// Take the offer of the channel back.
    Rescind,
    /// Offer the channel again.
    OfferAgain,
    /// Ask the guest to give up the adapter's PCI function.
    Eject,
    /// Tear the adapter's PCI function out.
    TearOut,
    /// Answer nothing that a driver asks for when it starts,
    Hold,
    /// until now.
    Release,
}

impl Action {
    /// Action and device of a byte.
    fn decode(byte: u8) -> Option<(Self, usize)> {
        let action = match byte >> 4 {
            1 => Self::Rescind,
            2 => Self::OfferAgain,
            3 => Self::Eject,
            4 => Self::TearOut,
            5 => Self::Hold,
            6 => Self::Release,
            _ => return None,
        };
        Some((action, usize::from(byte & 0xF)))
    }
}

/// The device behind the port.
pub(crate) struct RemovalPort {
    server: Arc<VmbusServer>,
    pci: PciBus,
    /// The global channel, then one channel per adapter.
    channels: Vec<DeviceId>,
    /// The slot of each adapter.
    slots: Vec<u8>,
    start: StartHold,
}

impl RemovalPort {
    /// A port for these devices.
    pub(crate) fn new(
        server: Arc<VmbusServer>,
        pci: PciBus,
        channels: Vec<DeviceId>,
        slots: Vec<u8>,
        start: StartHold,
    ) -> Self {
        Self {
            server,
            pci,
            channels,
            slots,
            start,
        }
    }

    fn run(&self, action: Action, device: usize) -> Result<(), String> {
        let channel = || {
            self.channels
                .get(device)
                .copied()
                .ok_or_else(|| format!("there is no channel {device}"))
        };
        let slot = || {
            device
                .checked_sub(1)
                .and_then(|adapter| self.slots.get(adapter).copied())
                .ok_or_else(|| format!("there is no adapter {device}"))
        };
        match action {
            Action::Hold | Action::Release if device != 0 => {
                return Err(format!("device {device} answers by itself"));
            }
            Action::Hold => self.start.hold(),
            Action::Release => self.start.release(),
            Action::Rescind => self.server.rescind(channel()?),
            Action::OfferAgain => self.server.offer_again(channel()?),
            Action::Eject => self
                .pci
                .request_eject(slot()?)
                .map_err(|error| error.to_string())?,
            Action::TearOut => self
                .pci
                .surprise_remove(slot()?)
                .map_err(|error| error.to_string())?,
        }
        Ok(())
    }
}

impl BusDevice for RemovalPort {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&mut self, _offset: u64, data: &[u8]) {
        let result = match *data {
            [byte] => Action::decode(byte)
                .ok_or_else(|| format!("{byte:#04x} is no action"))
                .and_then(|(action, device)| self.run(action, device)),
            _ => Err("only bytes count".to_owned()),
        };
        if let Err(message) = result {
            log::warn!("removal port: {message}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_an_action_and_a_device() {
        assert_eq!(Action::decode(0x10), Some((Action::Rescind, 0)));
        assert_eq!(Action::decode(0x2F), Some((Action::OfferAgain, 15)));
        assert_eq!(Action::decode(0x31), Some((Action::Eject, 1)));
        assert_eq!(Action::decode(0x42), Some((Action::TearOut, 2)));
        assert_eq!(Action::decode(0x00), None);
        assert_eq!(Action::decode(0x50), Some((Action::Hold, 0)));
        assert_eq!(Action::decode(0x60), Some((Action::Release, 0)));
        assert_eq!(Action::decode(0x71), None);
    }
}
