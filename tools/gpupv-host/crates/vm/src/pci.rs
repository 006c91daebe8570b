// SPDX-License-Identifier: GPL-2.0
//! PCI: configuration space through the ports CF8 and CFC, one bus, functions that come and go.

mod bridge;
mod config;
mod hotplug;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmm_sys_util::eventfd::EventFd;

pub use config::{ConfigPorts, CONFIG_PORT, CONFIG_PORT_COUNT};
pub use hotplug::{
    HotplugPorts, EJECT_OFFSET, HOTPLUG_GSI, HOTPLUG_PORT, HOTPLUG_PORT_COUNT, INSERT_OFFSET,
    REMOVE_OFFSET,
};

use bridge::HostBridge;

/// Device numbers on the bus.
pub const SLOTS: usize = 32;

/// One device of a single function.
pub trait PciFunction: Send {
    /// Reads the register at the dword-aligned byte offset `register`.
    fn read(&mut self, register: u8) -> u32;

    /// Writes the bytes of `value` whose bit is set in `byte_mask` to the register at `register`.
    fn write(&mut self, register: u8, value: u32, byte_mask: u8);
}

/// Why a function could not be added or removed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SlotError {
    /// Device numbers are 1 to 31; 0 is the host bridge.
    #[error("there is no PCI slot {0} for devices")]
    NoSuchSlot(u8),
    /// Something is in that slot.
    #[error("PCI slot {0} is occupied")]
    Occupied(u8),
    /// Nothing is in that slot.
    #[error("PCI slot {0} is empty")]
    Empty(u8),
}

/// The bus: what is in which slot, and what the guest has been asked to add or remove.
#[derive(Clone)]
pub struct PciBus {
    state: Arc<Mutex<State>>,
    /// Tells the guest to look at the hot plug registers.
    notify: Arc<EventFd>,
}

struct Slot {
    function: Box<dyn PciFunction>,
    /// Torn out: still in the slot for ACPI, but the registers read as all ones.
    dead: bool,
}

struct State {
    slots: [Option<Slot>; SLOTS],
    eject: u32,
    insert: u32,
}

impl PciBus {
    /// A bus with a host bridge. `notify` is the interrupt of the hot plug registers.
    pub fn new(notify: EventFd) -> Self {
        let mut slots = [const { None }; SLOTS];
        slots[0] = Some(Slot {
            function: Box::new(HostBridge) as Box<dyn PciFunction>,
            dead: false,
        });
        Self {
            state: Arc::new(Mutex::new(State {
                slots,
                eject: 0,
                insert: 0,
            })),
            notify: Arc::new(notify),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `function` into `slot` without telling the guest: for the time before it runs.
    ///
    /// # Errors
    ///
    /// [`SlotError`] when the slot cannot take it.
    pub fn add(&self, slot: u8, function: Box<dyn PciFunction>) -> Result<(), SlotError> {
        let mut state = self.state();
        let place = state.place(slot)?;
        if place.is_some() {
            return Err(SlotError::Occupied(slot));
        }
        *place = Some(Slot {
            function,
            dead: false,
        });
        Ok(())
    }

    /// Puts `function` into `slot` of a running guest and tells it.
    ///
    /// # Errors
    ///
    /// [`SlotError`] when the slot cannot take it.
    pub fn insert(&self, slot: u8, function: Box<dyn PciFunction>) -> Result<(), SlotError> {
        self.add(slot, function)?;
        self.state().insert |= 1 << slot;
        self.notify();
        Ok(())
    }

    /// Asks the guest to give up the function in `slot`. It vanishes once the guest agrees.
    ///
    /// # Errors
    ///
    /// [`SlotError::Empty`] when there is none.
    pub fn request_eject(&self, slot: u8) -> Result<(), SlotError> {
        let mut state = self.state();
        if state.place(slot)?.is_none() {
            return Err(SlotError::Empty(slot));
        }
        state.eject |= 1 << slot;
        drop(state);
        self.notify();
        Ok(())
    }

    /// Tears the function out: its registers read as all ones at once, then the guest is told.
    ///
    /// # Errors
    ///
    /// [`SlotError::Empty`] when there is none.
    pub fn surprise_remove(&self, slot: u8) -> Result<(), SlotError> {
        match self.state().place(slot)? {
            Some(function) => function.dead = true,
            None => return Err(SlotError::Empty(slot)),
        }
        self.request_eject(slot)
    }

    /// Is there a function in `slot`?
    pub fn is_occupied(&self, slot: u8) -> bool {
        self.state().place(slot).is_ok_and(|place| place.is_some())
    }

    fn notify(&self) {
        if let Err(error) = self.notify.write(1) {
            log::error!("cannot interrupt the guest for PCI hot plug: {error}");
        }
    }
}

impl State {
    fn place(&mut self, slot: u8) -> Result<&mut Option<Slot>, SlotError> {
        match self.slots.get_mut(usize::from(slot)) {
            Some(place) if slot != 0 => Ok(place),
            _ => Err(SlotError::NoSuchSlot(slot)),
        }
    }

    /// The live function with device number `device`, if any.
    fn function(&mut self, device: usize) -> Option<&mut dyn PciFunction> {
        match self.slots.get_mut(device)? {
            Some(Slot {
                function,
                dead: false,
            }) => Some(function.as_mut()),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A function whose registers all hold what was written last.
    pub(crate) struct Memory(pub(crate) [u32; 64]);

    impl PciFunction for Memory {
        fn read(&mut self, register: u8) -> u32 {
            self.0[usize::from(register / 4)]
        }

        fn write(&mut self, register: u8, value: u32, byte_mask: u8) {
            let cell = &mut self.0[usize::from(register / 4)];
            let mut bytes = cell.to_le_bytes();
            for (index, byte) in value.to_le_bytes().into_iter().enumerate() {
                if byte_mask & (1 << index) != 0 {
                    bytes[index] = byte;
                }
            }
            *cell = u32::from_le_bytes(bytes);
        }
    }

    pub(crate) fn bus() -> (PciBus, EventFd) {
        let line = EventFd::new(libc::EFD_NONBLOCK).unwrap();
        (PciBus::new(line.try_clone().unwrap()), line)
    }

    pub(crate) fn memory() -> Box<dyn PciFunction> {
        Box::new(Memory([0; 64]))
    }

    #[test]
    fn slots_are_checked() {
        let (bus, _line) = bus();
        assert_eq!(bus.add(0, memory()), Err(SlotError::NoSuchSlot(0)));
        assert_eq!(bus.add(32, memory()), Err(SlotError::NoSuchSlot(32)));
        assert_eq!(bus.add(31, memory()), Ok(()));
        assert_eq!(bus.add(31, memory()), Err(SlotError::Occupied(31)));
        assert_eq!(bus.request_eject(3), Err(SlotError::Empty(3)));
        assert_eq!(bus.surprise_remove(3), Err(SlotError::Empty(3)));
    }

    #[test]
    fn only_hot_plug_interrupts() {
        let (bus, line) = bus();
        bus.add(1, memory()).unwrap();
        assert!(line.read().is_err());
        bus.insert(2, memory()).unwrap();
        bus.request_eject(1).unwrap();
        assert_eq!(line.read().unwrap(), 2);
    }
}
