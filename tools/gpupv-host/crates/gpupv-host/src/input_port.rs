// SPDX-License-Identifier: GPL-2.0
//! The input port: a guest says that it wants the input of its console from now on.
//!
//! Until the first write, of any byte, all input is kept. A guest whose program has begun to read
//! writes there, so that nothing is lost while the system starts. The port reads as 0.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use vm::bus::BusDevice;
use vm::serial::Console;

/// The port.
pub(crate) const PORT: u16 = 0x60D;

/// The device behind the port.
pub(crate) struct InputPort<W: Write> {
    console: Arc<Mutex<Console<W>>>,
}

impl<W: Write> InputPort<W> {
    /// A port for the input of `console`, which is kept from now on.
    pub(crate) fn new(console: Arc<Mutex<Console<W>>>) -> Self {
        console
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hold();
        Self { console }
    }
}

impl<W: Write + Send> BusDevice for InputPort<W> {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&mut self, _offset: u64, _data: &[u8]) {
        self.console
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .release();
    }
}
