// SPDX-License-Identifier: GPL-2.0
//! The hot plug ports: which slots the guest shall look at, and where it says that it let go.
//!
//! The ACPI code of the machine reads the two request registers, notifies the driver, and clears
//! what it has seen by writing it back. Ejecting writes the slot's bit to the third register.

use super::PciBus;
use crate::bus::BusDevice;

/// First port.
pub const HOTPLUG_PORT: u16 = 0x610;
/// How many ports there are.
pub const HOTPLUG_PORT_COUNT: u16 = 12;
/// Slots that the guest shall give up; write one to clear.
pub const REMOVE_OFFSET: u16 = 0;
/// Slots that have a new function; write one to clear.
pub const INSERT_OFFSET: u16 = 4;
/// Slots that the guest has given up; write only.
pub const EJECT_OFFSET: u16 = 8;
/// Their interrupt.
pub const HOTPLUG_GSI: u32 = 9;

/// The device behind the ports.
pub struct HotplugPorts {
    bus: PciBus,
}

impl HotplugPorts {
    /// Ports in front of `bus`.
    pub fn new(bus: PciBus) -> Self {
        Self { bus }
    }
}

impl BusDevice for HotplugPorts {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        let state = self.bus.state();
        let value = match u16::try_from(offset) {
            Ok(REMOVE_OFFSET) => state.eject,
            Ok(INSERT_OFFSET) => state.insert,
            _ => 0,
        };
        data.fill(0);
        if data.len() == 4 {
            data.copy_from_slice(&value.to_le_bytes());
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let Ok(value) = data.try_into().map(u32::from_le_bytes) else {
            return;
        };
        let mut state = self.bus.state();
        match u16::try_from(offset) {
            Ok(REMOVE_OFFSET) => state.eject &= !value,
            Ok(INSERT_OFFSET) => state.insert &= !value,
            Ok(EJECT_OFFSET) => {
                // Bit 0 is the host bridge, which stays.
                for slot in (1..super::SLOTS).filter(|slot| value & (1 << slot) != 0) {
                    state.slots[slot] = None;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bus, memory};
    use super::*;

    fn register(ports: &mut HotplugPorts, offset: u16) -> u32 {
        let mut data = [0u8; 4];
        ports.read(u64::from(offset), &mut data);
        u32::from_le_bytes(data)
    }

    #[test]
    fn a_request_stays_until_it_is_written_back_and_the_function_until_it_is_ejected() {
        let (bus, _line) = bus();
        bus.add(3, memory()).unwrap();
        let mut ports = HotplugPorts::new(bus.clone());

        bus.request_eject(3).unwrap();
        assert_eq!(register(&mut ports, REMOVE_OFFSET), 8);
        ports.write(u64::from(REMOVE_OFFSET), &8u32.to_le_bytes());
        assert_eq!(register(&mut ports, REMOVE_OFFSET), 0);
        assert!(bus.is_occupied(3));

        ports.write(u64::from(EJECT_OFFSET), &9u32.to_le_bytes());
        assert!(!bus.is_occupied(3));
        assert!(bus.state().slots[0].is_some(), "the host bridge stays");
    }

    #[test]
    fn insertion_is_reported_apart_from_removal() {
        let (bus, _line) = bus();
        let mut ports = HotplugPorts::new(bus.clone());
        bus.insert(4, memory()).unwrap();
        assert_eq!(register(&mut ports, INSERT_OFFSET), 16);
        assert_eq!(register(&mut ports, REMOVE_OFFSET), 0);
        ports.write(u64::from(INSERT_OFFSET), &16u32.to_le_bytes());
        assert_eq!(register(&mut ports, INSERT_OFFSET), 0);
    }

    #[test]
    fn only_dwords_count() {
        let (bus, _line) = bus();
        bus.add(3, memory()).unwrap();
        let mut ports = HotplugPorts::new(bus.clone());
        ports.write(u64::from(EJECT_OFFSET), &[8]);
        assert!(bus.is_occupied(3));
    }
}
