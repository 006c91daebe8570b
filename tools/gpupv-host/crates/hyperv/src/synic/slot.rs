// SPDX-License-Identifier: GPL-2.0
//! The message slot: one message at a time in guest memory, the rest in a queue here.
//!
//! The slot's first word is 0 while it is free. Who finds it occupied sets the pending flag, so that
//! the guest writes the end-of-message register once it is done. Both sides act without a lock: the
//! fence and the second look at the word close the gap in which the guest frees the slot but has read
//! the flag before it was set.

use std::collections::VecDeque;
use std::sync::atomic::{fence, AtomicU32, AtomicU8, Ordering};

use vm_memory::bitmap::BS;
use vm_memory::{
    Bytes, GuestAddress, GuestMemory as _, GuestMemoryMmap, VolatileMemory, VolatileSlice,
};

use crate::traits::MAX_MESSAGE;

pub(super) const SIZE: usize = 256;

/// Offsets in the slot.
const TYPE: usize = 0;
const PAYLOAD_SIZE: usize = 4;
const FLAGS: usize = 5;
const PAYLOAD: usize = 16;

const TYPE_FREE: u32 = 0;
const TYPE_VMBUS: u32 = 1;
const FLAG_PENDING: u8 = 1;

/// The address of the slot of `sint` in the message page.
pub(super) fn address(page: GuestAddress, sint: u32) -> GuestAddress {
    GuestAddress(page.0 + u64::from(sint) * SIZE as u64)
}

/// How far a delivery came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The queue is empty.
    Done,
    /// The guest has not taken the message in the slot yet.
    Busy,
}

/// Messages on their way to one slot, in order.
#[derive(Debug, Default)]
pub(crate) struct MessageQueue {
    messages: VecDeque<Vec<u8>>,
}

impl MessageQueue {
    /// Appends a message. Longer ones than a slot holds are cut: they are a mistake of the caller.
    pub(crate) fn push(&mut self, payload: &[u8]) {
        debug_assert!(payload.len() <= MAX_MESSAGE);
        self.messages
            .push_back(payload[..payload.len().min(MAX_MESSAGE)].to_vec());
    }

    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Drops all messages.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
    }

    /// Delivers messages into the slot at `slot` until the queue is empty or the slot is occupied.
    pub(super) fn flush(
        &mut self,
        memory: &GuestMemoryMmap,
        slot: GuestAddress,
        mut interrupt: impl FnMut(),
    ) -> Delivery {
        let Some(slot) = Slot::new(memory, slot) else {
            // The page was checked when the guest programmed it, and RAM does not go away.
            log::error!("the message slot at {:#x} is not RAM", slot.0);
            self.clear();
            return Delivery::Done;
        };
        while let Some(message) = self.messages.front() {
            if slot.is_occupied() && slot.is_occupied_after_flagging() {
                return Delivery::Busy;
            }
            slot.fill(message, self.messages.len() > 1);
            interrupt();
            self.messages.pop_front();
        }
        Delivery::Done
    }
}

struct Slot<'a> {
    bytes: VolatileSlice<'a, BS<'a, ()>>,
}

impl<'a> Slot<'a> {
    fn new(memory: &'a GuestMemoryMmap, address: GuestAddress) -> Option<Self> {
        let bytes = memory.get_slice(address, SIZE).ok()?;
        let slot = Self { bytes };
        // Checked once, so that the accessors below cannot fail: a slot is aligned to its size.
        slot.bytes.get_atomic_ref::<AtomicU32>(TYPE).ok()?;
        slot.bytes.get_atomic_ref::<AtomicU8>(FLAGS).ok()?;
        Some(slot)
    }

    fn kind(&self) -> &AtomicU32 {
        // PANIC: checked in `new`.
        self.bytes.get_atomic_ref(TYPE).expect("an aligned slot")
    }

    fn flags(&self) -> &AtomicU8 {
        // PANIC: checked in `new`.
        self.bytes.get_atomic_ref(FLAGS).expect("an aligned slot")
    }

    fn is_occupied(&self) -> bool {
        self.kind().load(Ordering::Acquire) != TYPE_FREE
    }

    /// Asks the guest to report the end of the message, unless it is through with it already.
    fn is_occupied_after_flagging(&self) -> bool {
        self.flags().store(FLAG_PENDING, Ordering::Relaxed);
        // Store before load: the guest does the opposite, so one of us sees the other.
        fence(Ordering::SeqCst);
        self.is_occupied()
    }

    fn fill(&self, message: &[u8], more: bool) {
        let mut bytes = [0; SIZE - PAYLOAD_SIZE];
        // CAST: at most MAX_MESSAGE.
        bytes[0] = message.len() as u8;
        bytes[FLAGS - PAYLOAD_SIZE] = if more { FLAG_PENDING } else { 0 };
        let payload = PAYLOAD - PAYLOAD_SIZE;
        bytes[payload..payload + message.len()].copy_from_slice(message);
        if let Err(error) = self.bytes.write_slice(&bytes, PAYLOAD_SIZE) {
            log::error!("cannot write a message slot: {error}");
            return;
        }
        // The word makes the rest valid.
        self.kind().store(TYPE_VMBUS, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::Arc;

    use super::*;

    const SLOT: GuestAddress = GuestAddress(0x1200);

    fn memory() -> GuestMemoryMmap {
        GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x2000)]).unwrap()
    }

    fn slot(memory: &GuestMemoryMmap) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        memory.read_slice(&mut bytes, SLOT).unwrap();
        bytes
    }

    /// What the guest does: copy, free, and report whether it writes the end-of-message register.
    fn take(memory: &GuestMemoryMmap) -> (Vec<u8>, bool) {
        let bytes = slot(memory);
        assert_eq!(bytes[..4], [1, 0, 0, 0]);
        let slot = Slot::new(memory, SLOT).unwrap();
        slot.kind().swap(TYPE_FREE, Ordering::SeqCst);
        let pending = slot.flags().load(Ordering::SeqCst) & FLAG_PENDING != 0;
        (bytes[16..16 + usize::from(bytes[4])].to_vec(), pending)
    }

    #[test]
    fn a_message_fills_the_slot() {
        let (memory, mut queue) = (memory(), MessageQueue::default());
        memory
            .write_slice(&[0xFF; SIZE - 4], GuestAddress(SLOT.0 + 4))
            .unwrap();
        queue.push(b"payload");
        let mut interrupts = 0;
        assert_eq!(
            queue.flush(&memory, SLOT, || interrupts += 1),
            Delivery::Done
        );
        assert_eq!(interrupts, 1);
        let bytes = slot(&memory);
        assert_eq!(
            bytes[..16],
            [1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(&bytes[16..23], b"payload");
        assert!(
            bytes[23..].iter().all(|byte| *byte == 0),
            "nothing of an older message is left"
        );
    }

    #[test]
    fn messages_keep_their_order_and_announce_their_successors() {
        let (memory, mut queue) = (memory(), MessageQueue::default());
        for text in [b"1", b"2", b"3"] {
            queue.push(text);
        }
        assert_eq!(queue.flush(&memory, SLOT, || {}), Delivery::Busy);
        assert_eq!(take(&memory), (b"1".to_vec(), true));
        assert_eq!(queue.flush(&memory, SLOT, || {}), Delivery::Busy);
        assert_eq!(take(&memory), (b"2".to_vec(), true));
        assert_eq!(queue.flush(&memory, SLOT, || {}), Delivery::Done);
        assert_eq!(take(&memory), (b"3".to_vec(), false));
    }

    #[test]
    fn a_guest_that_takes_each_message_at_once_learns_that_more_follow() {
        let (memory, mut queue) = (memory(), MessageQueue::default());
        for text in [b"1", b"2", b"3"] {
            queue.push(text);
        }
        let mut taken = Vec::new();
        let delivery = queue.flush(&memory, SLOT, || taken.push(take(&memory)));
        assert_eq!(delivery, Delivery::Done);
        let expected = [(b"1", true), (b"2", true), (b"3", false)];
        assert_eq!(taken, expected.map(|(text, more)| (text.to_vec(), more)));
    }

    #[test]
    fn an_occupied_slot_is_flagged_and_left_alone() {
        let (memory, mut queue) = (memory(), MessageQueue::default());
        queue.push(b"old");
        queue.flush(&memory, SLOT, || {});
        queue.push(b"new");
        assert_eq!(
            queue.flush(&memory, SLOT, || panic!("no second interrupt")),
            Delivery::Busy
        );
        assert_eq!(take(&memory), (b"old".to_vec(), true));
        queue.clear();
        assert_eq!(
            queue.flush(&memory, SLOT, || panic!("cleared")),
            Delivery::Done
        );
    }

    /// A guest that acts only when it must: it waits for an interrupt, or, if it saw the flag, tells
    /// the host. If either side missed the other, a message would stay behind and the test hang.
    #[test]
    fn no_message_is_lost_between_flag_and_free() {
        const COUNT: u32 = 20_000;
        let memory = Arc::new(memory());
        let ended = Arc::new(AtomicBool::new(true));
        let guest = std::thread::spawn({
            let (memory, ended) = (memory.clone(), ended.clone());
            move || {
                for expected in 0..COUNT {
                    while memory.load::<u32>(SLOT, Ordering::Acquire).unwrap() == 0 {
                        std::hint::spin_loop();
                    }
                    let (payload, pending) = take(&memory);
                    assert_eq!(payload, expected.to_le_bytes());
                    if pending {
                        ended.store(true, Ordering::SeqCst);
                    }
                }
            }
        });
        let mut queue = MessageQueue::default();
        for number in 0..COUNT {
            queue.push(&number.to_le_bytes());
            while queue.flush(&memory, SLOT, || {}) == Delivery::Busy {
                // Only the end-of-message report allows another try: the timer is switched off.
                while !ended.swap(false, Ordering::SeqCst) {
                    assert!(!guest.is_finished(), "the guest has ended too early");
                    std::thread::yield_now();
                }
            }
        }
        guest.join().unwrap();
    }

    #[test]
    fn offsets_match_the_specification() {
        let csv = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../../Documentation/spec/hyperv-layout.csv"
        ))
        .unwrap();
        for (field, offset) in [
            ("message_type", TYPE),
            ("payload_size", PAYLOAD_SIZE),
            ("flags", FLAGS),
            ("payload", PAYLOAD),
        ] {
            let row = format!("synic_message,{SIZE},{field},{offset},");
            assert!(
                csv.lines().any(|line| line.starts_with(&row)),
                "no row {row}"
            );
        }
    }
}
