// SPDX-License-Identifier: GPL-2.0
//! The guest's console: a 16550A at the place of COM1.

use std::collections::VecDeque;
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

/// The register with the received byte.
const RECEIVED: u8 = 0;
/// The modem control register.
const MODEM_CONTROL: u8 = 4;
/// Request to send: the guest takes input.
const RTS: u8 = 1 << 1;

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
    /// Input that the receive FIFO had no room for, or that came while RTS was off or input was held.
    waiting: VecDeque<u8>,
    /// RTS is on. The guest sets it when it opens the port, and, with hardware flow control, takes
    /// it back while it has no room.
    ready: bool,
    /// Input is kept, whatever RTS says: an operating system opens the port long before the program
    /// runs that the input is for, and may throw away what comes in between.
    held: bool,
}

impl<W: Write> Console<W> {
    /// A port that interrupts through `line` and writes what the guest sends to `output`.
    pub fn new(line: EventFd, output: W) -> Self {
        Self {
            uart: Serial::new(Line(line), output),
            waiting: VecDeque::new(),
            ready: false,
            held: false,
        }
    }

    /// Keeps all input from now on until [`Self::release`].
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Gives the guest the input that was kept, and all that comes.
    pub fn release(&mut self) {
        self.held = false;
        self.fill_fifo();
    }

    /// Gives `input` to the guest, in order and as fast as the guest takes it. Never blocks: what
    /// the guest has no room for is kept.
    pub fn receive(&mut self, input: &[u8]) {
        self.waiting.extend(input);
        self.fill_fifo();
    }

    /// Moves input that waits into the receive FIFO, as much as fits.
    fn fill_fifo(&mut self) {
        while self.ready && !self.held && !self.waiting.is_empty() {
            let (first, _) = self.waiting.as_slices();
            match self.uart.enqueue_raw_bytes(first) {
                // In loopback mode nothing is received.
                Ok(0) => return,
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(vm_superio::serial::Error::FullFifo) => return,
                Err(error) => {
                    log::debug!("console: {error:?}");
                    return;
                }
            }
        }
    }
}

impl<W: Write + Send> BusDevice for Console<W> {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0xFF);
        if let ([value], Ok(offset)) = (data, u8::try_from(offset)) {
            *value = self.uart.read(offset);
            if offset == RECEIVED {
                self.fill_fifo();
            }
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
            if offset == MODEM_CONTROL {
                self.ready = value & RTS != 0;
                self.fill_fifo();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interrupt enable register, and the bit for received data in it.
    const INTERRUPT_ENABLE: u64 = 1;
    const RECEIVED_DATA: u8 = 1;
    /// The line status register, and the bit for received data in it.
    const LINE_STATUS: u64 = 5;
    const DATA_READY: u8 = 1;
    const LOOPBACK: u8 = 1 << 4;

    fn console() -> (Console<io::Sink>, EventFd) {
        let line = EventFd::new(libc::EFD_NONBLOCK).unwrap();
        let console = Console::new(line.try_clone().unwrap(), io::sink());
        (console, line)
    }

    fn register(console: &mut Console<io::Sink>, offset: u64) -> u8 {
        let mut value = [0];
        console.read(offset, &mut value);
        value[0]
    }

    /// What a driver reads until there is nothing.
    fn received(console: &mut Console<io::Sink>) -> Vec<u8> {
        let mut bytes = Vec::new();
        while register(console, LINE_STATUS) & DATA_READY != 0 {
            bytes.push(register(console, RECEIVED.into()));
        }
        bytes
    }

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

    #[test]
    fn input_interrupts_and_arrives_in_order_however_long_it_is() {
        let (mut console, line) = console();
        console.write(INTERRUPT_ENABLE, &[RECEIVED_DATA]);
        console.write(MODEM_CONTROL.into(), &[RTS]);
        assert!(line.read().is_err(), "no input, no interrupt");
        let input: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for piece in input.chunks(300) {
            console.receive(piece);
        }
        assert!(line.read().is_ok(), "an interrupt");
        assert_eq!(received(&mut console), input);
    }

    #[test]
    fn input_waits_until_the_guest_is_ready_for_it() {
        let (mut console, _line) = console();
        console.receive(b"early");
        assert_eq!(received(&mut console), b"");
        console.write(MODEM_CONTROL.into(), &[RTS]);
        assert_eq!(received(&mut console), b"early");
        console.write(MODEM_CONTROL.into(), &[0]);
        console.receive(b"held");
        assert_eq!(received(&mut console), b"");
        console.write(MODEM_CONTROL.into(), &[RTS | LOOPBACK]);
        assert_eq!(
            received(&mut console),
            b"",
            "nothing is received in loopback mode"
        );
        console.write(MODEM_CONTROL.into(), &[RTS]);
        assert_eq!(received(&mut console), b"held");
    }

    #[test]
    fn input_that_is_held_waits_for_its_release() {
        let (mut console, _line) = console();
        console.hold();
        console.write(MODEM_CONTROL.into(), &[RTS]);
        console.receive(b"early");
        assert_eq!(received(&mut console), b"");
        console.release();
        console.receive(b" and late");
        assert_eq!(received(&mut console), b"early and late");
    }
}
