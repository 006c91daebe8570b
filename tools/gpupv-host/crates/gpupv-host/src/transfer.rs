// SPDX-License-Identifier: GPL-2.0
//! The transfer port: a guest gives bytes to the file that `--transfer` names.
//!
//! The guest puts them into a buffer in its memory, [`TRANSFER_BUFFER`], and writes the number of 4 KiB
//! pages that count, as a byte, to the port. When that write is over, they are taken. A read of the
//! port answers whether all so far could be: 0, or 1 after an error. So a guest needs nothing for it but
//! `/dev/mem` and `/dev/port`.

use std::io::Write;

use vm::bus::BusDevice;
use vm::memory::TRANSFER_BUFFER;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// The port.
pub(crate) const PORT: u16 = 0x60C;

const PAGE: usize = 4096;
/// How many pages the buffer has.
const PAGES: u8 = ((TRANSFER_BUFFER.end - TRANSFER_BUFFER.start) / PAGE as u64) as u8;

/// The device behind the port.
pub(crate) struct TransferPort<W> {
    memory: GuestMemoryMmap,
    target: W,
    failed: bool,
}

impl<W: Write> TransferPort<W> {
    /// A port for a guest with this memory. `target` may block: the guest waits then.
    pub(crate) fn new(memory: GuestMemoryMmap, target: W) -> Self {
        Self {
            memory,
            target,
            failed: false,
        }
    }

    fn take(&mut self, pages: u8) -> Result<(), String> {
        if pages > PAGES {
            return Err(format!("the buffer has {PAGES} pages, not {pages}"));
        }
        let mut bytes = vec![0; usize::from(pages) * PAGE];
        self.memory
            .read_slice(&mut bytes, GuestAddress(TRANSFER_BUFFER.start))
            .map_err(|error| format!("cannot read the buffer: {error}"))?;
        self.target
            .write_all(&bytes)
            .and_then(|()| self.target.flush())
            .map_err(|error| format!("cannot write what the guest gives: {error}"))
    }
}

impl<W: Write + Send> BusDevice for TransferPort<W> {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(u8::from(self.failed));
    }

    fn write(&mut self, _offset: u64, data: &[u8]) {
        for pages in data {
            // After a gap, the rest is worth nothing.
            if self.failed {
                return;
            }
            if let Err(message) = self.take(*pages) {
                log::error!("transfer port: {message}");
                self.failed = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn memory() -> GuestMemoryMmap {
        GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 1 << 20)]).unwrap()
    }

    fn state<W: Write + Send>(port: &mut TransferPort<W>) -> u8 {
        let mut state = [0xAA];
        port.read(0, &mut state);
        state[0]
    }

    #[test]
    fn the_pages_that_count_are_taken_each_time() {
        let memory = memory();
        let mut target = Vec::new();
        let mut port = TransferPort::new(memory.clone(), &mut target);
        for (fill, pages) in [(1, 2), (2, 16), (3, 1)] {
            let bytes = [fill; 16 * PAGE];
            memory
                .write_slice(&bytes, GuestAddress(TRANSFER_BUFFER.start))
                .unwrap();
            port.write(0, &[pages]);
        }
        assert_eq!(state(&mut port), 0);
        let expected = [vec![1; 2 * PAGE], vec![2; 16 * PAGE], vec![3; PAGE]].concat();
        assert!(target == expected);
    }

    #[test]
    fn nothing_comes_after_an_error_and_the_guest_can_tell() {
        let mut target = Vec::new();
        let mut port = TransferPort::new(memory(), &mut target);
        port.write(0, &[PAGES + 1]);
        assert_eq!(state(&mut port), 1);
        port.write(0, &[1]);
        assert!(target.is_empty());

        struct Full;
        impl Write for Full {
            fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("full"))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut port = TransferPort::new(memory(), Full);
        port.write(0, &[1]);
        assert_eq!(state(&mut port), 1);
    }
}
