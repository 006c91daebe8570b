// SPDX-License-Identifier: GPL-2.0
//! The configuration ports: an address latch at CF8, a data window at CFC.

use super::PciBus;
use crate::bus::BusDevice;

/// First port.
pub const CONFIG_PORT: u16 = 0xCF8;
/// How many ports there are.
pub const CONFIG_PORT_COUNT: u16 = 8;

const DATA_OFFSET: u64 = 4;
const ENABLE: u32 = 1 << 31;

/// The device behind the ports.
pub struct ConfigPorts {
    bus: PciBus,
    latch: u32,
}

/// Where the latch points, with the byte offset of the port already applied.
struct Target {
    device: usize,
    register: u8,
    byte: usize,
}

impl ConfigPorts {
    /// Ports in front of `bus`.
    pub fn new(bus: PciBus) -> Self {
        Self { bus, latch: 0 }
    }

    /// The function and register of an access of `len` bytes, if it can have one.
    fn target(&self, offset: u64, len: usize) -> Option<Target> {
        let byte = usize::try_from(offset.checked_sub(DATA_OFFSET)?).ok()?;
        let aligned = matches!(len, 1 | 2 | 4) && byte % len == 0 && byte + len <= 4;
        let [register, devfn, bus, _] = self.latch.to_le_bytes();
        // One bus, single-function devices.
        let present = self.latch & ENABLE != 0 && bus == 0 && devfn & 7 == 0;
        (aligned && present).then(|| Target {
            device: usize::from(devfn >> 3),
            register: register & 0xFC,
            byte,
        })
    }
}

impl BusDevice for ConfigPorts {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        if offset == 0 && data.len() == 4 {
            data.copy_from_slice(&self.latch.to_le_bytes());
            return;
        }
        data.fill(0xFF);
        let Some(target) = self.target(offset, data.len()) else {
            return;
        };
        let mut state = self.bus.state();
        if let Some(function) = state.function(target.device) {
            let value = function.read(target.register).to_le_bytes();
            data.copy_from_slice(&value[target.byte..target.byte + data.len()]);
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        // Only a 32-bit access reaches the latch: other ports hide behind its upper bytes.
        if offset == 0 {
            if let Ok(value) = data.try_into() {
                self.latch = u32::from_le_bytes(value);
            }
            return;
        }
        let Some(target) = self.target(offset, data.len()) else {
            return;
        };
        let mut bytes = [0u8; 4];
        bytes[target.byte..target.byte + data.len()].copy_from_slice(data);
        // CAST: at most four bits, shifted by at most three.
        let mask = (((1u32 << data.len()) - 1) << target.byte) as u8;
        let mut state = self.bus.state();
        if let Some(function) = state.function(target.device) {
            function.write(target.register, u32::from_le_bytes(bytes), mask);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bus, memory};
    use super::*;

    fn ports() -> ConfigPorts {
        let (bus, _line) = bus();
        bus.add(5, memory()).unwrap();
        ConfigPorts::new(bus)
    }

    fn read<const N: usize>(ports: &mut ConfigPorts, offset: u64) -> [u8; N] {
        let mut data = [0xAA; N];
        ports.read(offset, &mut data);
        data
    }

    fn select(ports: &mut ConfigPorts, device: u32, function: u32, register: u32) {
        let latch = ENABLE | (device << 11) | (function << 8) | register;
        ports.write(0, &latch.to_le_bytes());
    }

    #[test]
    fn the_latch_reads_back_and_takes_only_dwords() {
        let mut ports = ports();
        ports.write(0, &0x8000_0000u32.to_le_bytes());
        ports.write(3, &[1]);
        ports.write(0, &[1]);
        ports.write(0, &[1, 2]);
        assert_eq!(read(&mut ports, 0), 0x8000_0000u32.to_le_bytes());
    }

    #[test]
    fn the_host_bridge_has_the_class_the_guest_looks_for() {
        let mut ports = ports();
        select(&mut ports, 0, 0, 8);
        assert_eq!(read(&mut ports, 6), [0x00, 0x06]);
    }

    #[test]
    fn data_ports_address_bytes_and_words() {
        let mut ports = ports();
        select(&mut ports, 5, 0, 0xC0);
        ports.write(4, &[0x11, 0x22, 0x33, 0x44]);
        ports.write(5, &[0x99]);
        assert_eq!(read(&mut ports, 4), [0x11, 0x99, 0x33, 0x44]);
        assert_eq!(read(&mut ports, 6), [0x33, 0x44]);
        assert_eq!(read(&mut ports, 7), [0x44]);
        // The low two bits of the latch do not count.
        select(&mut ports, 5, 0, 0xC3);
        assert_eq!(read(&mut ports, 4), [0x11]);
    }

    #[test]
    fn absent_functions_and_odd_accesses_read_all_ones() {
        let mut ports = ports();
        for (device, function) in [(4, 0), (5, 1)] {
            select(&mut ports, device, function, 0);
            ports.write(4, &[0; 4]);
            assert_eq!(read(&mut ports, 4), [0xFF; 4]);
        }
        select(&mut ports, 5, 0, 0);
        assert_eq!(read(&mut ports, 5), [0xFF; 2], "not aligned");
        assert_eq!(read(&mut ports, 4), [0; 3].map(|_: u8| 0xFF), "three bytes");
        ports.write(0, &(5u32 << 11).to_le_bytes());
        assert_eq!(read(&mut ports, 4), [0xFF; 4], "enable bit clear");
        ports.write(0, &(ENABLE | (1 << 16) | (5 << 11)).to_le_bytes());
        assert_eq!(read(&mut ports, 4), [0xFF; 4], "another bus");
    }

    #[test]
    fn a_function_torn_out_reads_all_ones() {
        let (bus, _line) = bus();
        bus.add(5, memory()).unwrap();
        let mut ports = ConfigPorts::new(bus.clone());
        select(&mut ports, 5, 0, 0);
        assert_eq!(read(&mut ports, 4), [0; 4]);
        bus.surprise_remove(5).unwrap();
        assert_eq!(read(&mut ports, 4), [0xFF; 4]);
        assert!(bus.is_occupied(5), "until the guest ejects it");
    }
}
