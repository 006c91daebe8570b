// SPDX-License-Identifier: GPL-2.0
//! The I/O port bus and the MMIO bus: who answers an access that left the guest.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// Something with I/O ports or registers in memory.
///
/// Called on the threads of virtual CPUs, one at a time.
pub trait BusDevice: Send {
    /// The guest reads `data.len()` bytes at `offset` from the device's first address.
    fn read(&mut self, offset: u64, data: &mut [u8]);

    /// The guest writes `data` at `offset` from the device's first address.
    fn write(&mut self, offset: u64, data: &[u8]);
}

/// A device on a bus, shared with those who drive it from outside of the guest.
pub type SharedDevice = Arc<Mutex<dyn BusDevice>>;

/// Addresses and who answers them. Built before the guest runs, constant afterwards.
#[derive(Default)]
pub struct Bus {
    devices: Vec<(RangeInclusive<u64>, SharedDevice)>,
}

/// The ranges of two devices overlap: a mistake in the machine's construction.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("two devices claim address {0:#x}")]
pub struct Overlap(u64);

impl Bus {
    /// Gives the addresses `range` to `device`.
    ///
    /// # Errors
    ///
    /// [`Overlap`] when another device has one of them.
    pub fn add(&mut self, range: RangeInclusive<u64>, device: SharedDevice) -> Result<(), Overlap> {
        if let Some((other, _)) = self
            .devices
            .iter()
            .find(|(other, _)| other.start() <= range.end() && range.start() <= other.end())
        {
            return Err(Overlap(*other.start().max(range.start())));
        }
        self.devices.push((range, device));
        Ok(())
    }

    /// Answers a read. Addresses nobody claims read as all ones, as on a real bus.
    pub fn read(&self, address: u64, data: &mut [u8]) {
        match self.find(address, data.len()) {
            Some((offset, device)) => {
                device
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .read(offset, data);
            }
            None => data.fill(0xFF),
        }
    }

    /// Delivers a write. Addresses nobody claims swallow it.
    pub fn write(&self, address: u64, data: &[u8]) {
        if let Some((offset, device)) = self.find(address, data.len()) {
            device
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(offset, data);
        }
    }

    /// An access belongs to a device only if all of it does.
    fn find(&self, address: u64, len: usize) -> Option<(u64, &SharedDevice)> {
        let last = address.checked_add(len.checked_sub(1)? as u64)?;
        self.devices
            .iter()
            .find(|(range, _)| range.contains(&address) && range.contains(&last))
            .map(|(range, device)| (address - range.start(), device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Recorder(Vec<(u64, Vec<u8>)>);

    impl BusDevice for Recorder {
        fn read(&mut self, offset: u64, data: &mut [u8]) {
            data.fill(offset as u8);
        }

        fn write(&mut self, offset: u64, data: &[u8]) {
            self.0.push((offset, data.to_vec()));
        }
    }

    #[test]
    fn accesses_reach_the_right_device_at_the_right_offset() {
        let device = Arc::new(Mutex::new(Recorder::default()));
        let mut bus = Bus::default();
        bus.add(0x10..=0x17, device.clone()).unwrap();

        let mut data = [0u8; 2];
        bus.read(0x12, &mut data);
        assert_eq!(data, [2, 2]);
        bus.write(0x14, &[7]);
        assert_eq!(device.lock().unwrap().0, [(4, vec![7])]);
    }

    #[test]
    fn unclaimed_and_straddling_accesses_read_all_ones() {
        let mut bus = Bus::default();
        bus.add(0x10..=0x17, Arc::new(Mutex::new(Recorder::default())))
            .unwrap();
        for address in [0xF, 0x17, 0x18, u64::MAX] {
            let mut data = [0u8; 2];
            bus.read(address, &mut data);
            assert_eq!(data, [0xFF, 0xFF], "at {address:#x}");
            bus.write(address, &data);
        }
    }

    #[test]
    fn overlaps_are_refused() {
        let mut bus = Bus::default();
        bus.add(0x10..=0x17, Arc::new(Mutex::new(Recorder::default())))
            .unwrap();
        let other: SharedDevice = Arc::new(Mutex::new(Recorder::default()));
        assert_eq!(bus.add(0x17..=0x20, other.clone()), Err(Overlap(0x17)));
        assert_eq!(bus.add(0x0..=0x10, other.clone()), Err(Overlap(0x10)));
        assert_eq!(bus.add(0x18..=0x20, other), Ok(()));
    }
}
