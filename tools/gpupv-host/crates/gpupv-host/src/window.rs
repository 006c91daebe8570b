// SPDX-License-Identifier: GPL-2.0
//! The VMBus window of the machine, as the place where the GPUs show the guest their memory.

use std::io;
use std::sync::Arc;

use gpupv::{GuestWindow, WindowMemory};
use vm::window::{ShownMemory, Window};

/// The window of a machine.
pub(crate) struct MachineWindow(Arc<Window>);

impl MachineWindow {
    /// For a machine with this window.
    pub(crate) fn new(window: Window) -> Self {
        Self(Arc::new(window))
    }
}

impl GuestWindow for MachineWindow {
    fn map(&self, address: u64, len: u64) -> io::Result<Box<dyn WindowMemory>> {
        let memory = ShownMemory::new(&self.0, address, len)?;
        Ok(Box::new(Shown(memory)))
    }
}

/// Memory that the guest sees. What cannot be is said and changes nothing.
struct Shown(ShownMemory);

fn report(result: io::Result<()>) {
    if let Err(error) = result {
        log::error!("memory in the guest's window: {error}");
    }
}

impl WindowMemory for Shown {
    fn read(&self, offset: u64, into: &mut [u8]) {
        report(self.0.read(offset, into));
    }

    fn write(&self, offset: u64, from: &[u8]) {
        report(self.0.write(offset, from));
    }

    fn store(&self, offset: u64, value: u64) {
        report(self.0.store(offset, value));
    }

    fn clear(&self, offset: u64, len: u64) {
        report(self.0.clear(offset, len));
    }
}
