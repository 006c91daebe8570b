// SPDX-License-Identifier: GPL-2.0
//! The count port: a guest under test asks how many objects its processes have on the host.
//!
//! A 32-bit read answers. So do four reads of a byte, the first one first: it counts, and the
//! others show the rest of that number. Who may not use the port itself reads `/dev/port`, byte by
//! byte.

use gpupv::ObjectCounter;
use vm::bus::BusDevice;

/// The first of the four ports.
pub(crate) const PORT: u16 = 0x608;
pub(crate) const PORT_COUNT: u16 = 4;

/// The device behind the port.
pub(crate) struct CountPort {
    count: Box<dyn Fn() -> u64 + Send>,
    /// What was counted when the first byte was read.
    last: [u8; PORT_COUNT as usize],
}

impl CountPort {
    /// A port for this counter.
    pub(crate) fn new(counter: ObjectCounter) -> Self {
        Self {
            count: Box::new(move || counter.count()),
            last: [0; PORT_COUNT as usize],
        }
    }
}

impl BusDevice for CountPort {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        if offset == 0 {
            let count = u32::try_from((self.count)()).unwrap_or(u32::MAX);
            self.last = count.to_le_bytes();
        }
        let shown = usize::try_from(offset)
            .ok()
            .and_then(|from| self.last.get(from..from.checked_add(data.len())?));
        match shown {
            Some(bytes) => data.copy_from_slice(bytes),
            None => data.fill(0xFF),
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
    fn a_word_is_the_count_and_so_are_four_bytes() {
        let counts = std::sync::atomic::AtomicU64::new(0x1_0203);
        let mut port = CountPort {
            count: Box::new(move || counts.fetch_add(1, std::sync::atomic::Ordering::Relaxed)),
            last: [0; 4],
        };
        let mut word = [0; 4];
        port.read(0, &mut word);
        assert_eq!(word, [3, 2, 1, 0]);
        // Only the first byte counts again.
        for (offset, expected) in [(0, 4), (1, 2), (2, 1), (3, 0)] {
            let mut byte = [0xAA];
            port.read(offset, &mut byte);
            assert_eq!(byte, [expected]);
        }
        port.read(2, &mut word);
        assert_eq!(word, [0xFF; 4]);
    }
}
