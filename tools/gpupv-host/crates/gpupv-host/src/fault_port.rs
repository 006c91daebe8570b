// SPDX-License-Identifier: GPL-2.0
//! The fault port: a guest under test says what the host shall do wrong.
//!
//! The text of a plan is written to the first port, in pieces of any size. A byte written to the second
//! one forgets the text (0) or puts it in force as the plan (1). A read of the second one says whether
//! that went well (0) or not (1), and reads of the first one give the reason, byte by byte, up to a 0.
//! The last four ports are a word that counts the faults made since the plan is in force; read byte by
//! byte, the first one counts, and the others show the rest of that number.

use std::collections::VecDeque;

use faults::plan::TEXT_MAX;
use faults::Faults;
use vm::bus::BusDevice;

/// The first of the ports.
pub(crate) const PORT: u16 = 0x620;
pub(crate) const PORT_COUNT: u16 = 8;

const TEXT: u64 = 0;
const CONTROL: u64 = 1;
const COUNT: u64 = 4;

const BEGIN: u8 = 0;
const SET: u8 = 1;

/// What the port is for.
pub(crate) trait Control: Send {
    /// Puts a plan in force.
    fn set_text(&self, text: &str) -> Result<(), String>;
    /// Counts the faults that were made since.
    fn done(&self) -> u64;
}

impl Control for Faults {
    fn set_text(&self, text: &str) -> Result<(), String> {
        Faults::set_text(self, text)
    }

    fn done(&self) -> u64 {
        Faults::done(self)
    }
}

/// The device behind the ports.
pub(crate) struct FaultPort<C> {
    control: C,
    text: Vec<u8>,
    /// Why the last plan was refused; nothing if it was not.
    refusal: Option<String>,
    /// What is not read yet of that.
    unread: VecDeque<u8>,
    /// What was counted when the first byte of the count was read.
    count: [u8; 4],
}

impl<C: Control> FaultPort<C> {
    /// A port that controls this.
    pub(crate) fn new(control: C) -> Self {
        Self {
            control,
            text: Vec::new(),
            refusal: None,
            unread: VecDeque::new(),
            count: [0; 4],
        }
    }

    fn read_count(&mut self, from: u64, data: &mut [u8]) {
        if from == 0 {
            let count = u32::try_from(self.control.done()).unwrap_or(u32::MAX);
            self.count = count.to_le_bytes();
        }
        let shown = usize::try_from(from)
            .ok()
            .and_then(|from| self.count.get(from..from.checked_add(data.len())?));
        if let Some(bytes) = shown {
            data.copy_from_slice(bytes);
        }
    }

    fn set(&mut self) {
        let text = std::mem::take(&mut self.text);
        let result = match std::str::from_utf8(&text) {
            Ok(text) => self.control.set_text(text),
            Err(error) => Err(error.to_string()),
        };
        self.refusal = result.err();
        let reason = self.refusal.clone().unwrap_or_default();
        if !reason.is_empty() {
            log::warn!("fault port: {reason}");
        }
        self.unread = reason.into_bytes().into();
    }
}

impl<C: Control> BusDevice for FaultPort<C> {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0xFF);
        match (offset, data) {
            (TEXT, [byte]) => *byte = self.unread.pop_front().unwrap_or(0),
            (CONTROL, [byte]) => *byte = self.refusal.is_some().into(),
            (COUNT.., data) => self.read_count(offset - COUNT, data),
            _ => {}
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        match (offset, data) {
            // One byte more than there may be is kept, so that such a text is refused.
            (TEXT, bytes) if self.text.len() <= TEXT_MAX => self.text.extend_from_slice(bytes),
            (TEXT, _) => {}
            (CONTROL, [BEGIN]) => self.text.clear(),
            (CONTROL, [SET]) => self.set(),
            _ => log::warn!("fault port: {data:x?} at {offset} means nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Refuses what begins with a minus.
    #[derive(Clone, Default)]
    struct Plans(Arc<Mutex<Vec<String>>>);

    impl Control for Plans {
        fn set_text(&self, text: &str) -> Result<(), String> {
            if text.starts_with('-') {
                return Err("no".into());
            }
            self.0.lock().unwrap().push(text.into());
            Ok(())
        }

        fn done(&self) -> u64 {
            0x1_0203
        }
    }

    fn byte(port: &mut FaultPort<Plans>, offset: u64) -> u8 {
        let mut data = [0xAA];
        port.read(offset, &mut data);
        data[0]
    }

    #[test]
    fn a_text_is_put_together_and_set() {
        let plans = Plans::default();
        let mut port = FaultPort::new(plans.clone());
        port.write(TEXT, b"lost");
        port.write(CONTROL, &[BEGIN]);
        port.write(TEXT, b"seed");
        port.write(TEXT, b"=");
        port.write(TEXT, b"1");
        port.write(CONTROL, &[SET]);
        port.write(CONTROL, &[SET]);
        assert_eq!(*plans.0.lock().unwrap(), ["seed=1", ""]);
        assert_eq!((byte(&mut port, CONTROL), byte(&mut port, TEXT)), (0, 0));
    }

    #[test]
    fn a_refusal_says_why_until_the_next_plan() {
        let mut port = FaultPort::new(Plans::default());
        for text in [&b"-"[..], &[0xFF], &vec![b'-'; 2 * TEXT_MAX]] {
            port.write(TEXT, text);
            port.write(CONTROL, &[SET]);
            assert_eq!(byte(&mut port, CONTROL), 1);
            assert_ne!(byte(&mut port, TEXT), 0);
        }
        assert_eq!(byte(&mut port, TEXT), b'o');
        assert_eq!(byte(&mut port, TEXT), 0);
        port.write(CONTROL, &[SET]);
        assert_eq!((byte(&mut port, CONTROL), byte(&mut port, TEXT)), (0, 0));
    }

    #[test]
    fn a_text_without_end_is_not_kept() {
        let mut port = FaultPort::new(Plans::default());
        for _ in 0..TEXT_MAX {
            port.write(TEXT, &[b'a'; 4]);
        }
        assert!(port.text.len() <= TEXT_MAX + 4, "{}", port.text.len());
    }

    #[test]
    fn the_count_is_a_word() {
        let mut port = FaultPort::new(Plans::default());
        let mut word = [0; 4];
        port.read(COUNT, &mut word);
        assert_eq!(word, [3, 2, 1, 0]);
        let bytes = [4, 5, 6, 7].map(|offset| byte(&mut port, offset));
        assert_eq!(bytes, [3, 2, 1, 0]);
        port.read(COUNT + 1, &mut word);
        assert_eq!((word, byte(&mut port, 2)), ([0xFF; 4], 0xFF));
    }
}
