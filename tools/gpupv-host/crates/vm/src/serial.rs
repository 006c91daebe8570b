// SPDX-License-Identifier: GPL-2.0
//! The guest's console: a 16550A at the place of COM1.

use std::io::{self, Write};

use vm_superio::serial::NoEvents;
use vm_superio::{Serial, Trigger};
use vmm_sys_util::eventfd::EventFd;

use crate::bus::BusDevice;

/// First port.
pub const PORT: u16 = 0x3F8;
/// How many ports there are.
pub const PORT_COUNT: u16 = 8;
/// Its interrupt.
pub const GSI: u32 = 4;

struct Line(EventFd);

impl Trigger for Line {
    type E = io::Error;

    fn trigger(&self) -> io::Result<()> {
        self.0.write(1)
    }
}

/// A serial port that writes to `W`.
pub struct Console<W: Write> {
    uart: Serial<Line, NoEvents, W>,
}

impl<W: Write> Console<W> {
    /// A port that interrupts through `line` and writes what the guest sends to `output`.
    pub fn new(line: EventFd, output: W) -> Self {
        Self {
            uart: Serial::new(Line(line), output),
        }
    }
}

impl<W: Write + Send> BusDevice for Console<W> {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0xFF);
        if let ([value], Ok(offset)) = (data, u8::try_from(offset)) {
            *value = self.uart.read(offset);
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let Ok(offset) = u8::try_from(offset) else {
            return;
        };
        // One OUT instruction with a repeat prefix arrives as one access of many bytes. The guest
        // must not suffer when nobody takes its output, so errors end here.
        for value in data {
            if let Err(error) = self.uart.write(offset, *value) {
                log::debug!("console: {error:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_reach_the_output_and_the_transmitter_is_always_ready() {
        let mut output = Vec::new();
        let mut console = Console::new(EventFd::new(libc::EFD_NONBLOCK).unwrap(), &mut output);
        console.write(0, b"ok");
        let mut status = [0u8];
        console.read(5, &mut status);
        assert_eq!(status[0] & 0x60, 0x60);
        drop(console);
        assert_eq!(output, b"ok");
    }

    #[test]
    fn wide_reads_are_not_answered() {
        let mut console = Console::new(EventFd::new(libc::EFD_NONBLOCK).unwrap(), io::sink());
        let mut data = [0u8; 2];
        console.read(5, &mut data);
        assert_eq!(data, [0xFF, 0xFF]);
    }
}
