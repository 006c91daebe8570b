// SPDX-License-Identifier: GPL-2.0
//! The count port: a guest under test asks how many objects its processes have on the host.
//!
//! A 32-bit read answers. Everything else reads as ones and changes nothing.

use gpupv::ObjectCounter;
use vm::bus::BusDevice;

/// The first of the four ports.
pub(crate) const PORT: u16 = 0x608;
pub(crate) const PORT_COUNT: u16 = 4;

/// The device behind the port.
pub(crate) struct CountPort {
    count: Box<dyn Fn() -> u64 + Send>,
}

impl CountPort {
    /// A port for this counter.
    pub(crate) fn new(counter: ObjectCounter) -> Self {
        Self {
            count: Box::new(move || counter.count()),
        }
    }
}

impl BusDevice for CountPort {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        if offset == 0 && data.len() == 4 {
            let count = u32::try_from((self.count)()).unwrap_or(u32::MAX);
            data.copy_from_slice(&count.to_le_bytes());
        } else {
            data.fill(0xFF);
        }
    }

    fn write(&mut self, _offset: u64, _data: &[u8]) {
        log::warn!("count port: it can only be read");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_count_and_nothing_else_is() {
        let mut port = CountPort {
            count: Box::new(|| 0x1_0203),
        };
        let mut word = [0; 4];
        port.read(0, &mut word);
        assert_eq!(word, [3, 2, 1, 0]);
        let mut byte = [0];
        port.read(0, &mut byte);
        assert_eq!(byte, [0xFF]);
        port.read(2, &mut word[..2]);
        assert_eq!(word, [0xFF, 0xFF, 1, 0]);
    }
}
