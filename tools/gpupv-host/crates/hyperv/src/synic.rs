// SPDX-License-Identifier: GPL-2.0
//! The host's half of a synthetic interrupt controller: one per virtual processor.
//!
//! KVM keeps the registers and injects the interrupts. Messages and event flags lie in two pages of
//! guest memory, and writing those is left to us. Every [`Synic`] is used under its own lock.

mod event;
mod retry;
mod slot;

use std::collections::BTreeSet;
use std::time::Duration;

use vm::exit::SynicExit;
use vm_memory::{GuestAddress, GuestMemory as _, GuestMemoryMmap};

pub(crate) use retry::Retry;
pub(crate) use slot::{Delivery, MessageQueue};

/// The interrupt source that VMBus uses.
pub(crate) const VMBUS_SINT: u32 = 2;

const PAGE: usize = 4096;
const PAGE_ENABLED: u64 = 1;
const CONTROL_ENABLED: u64 = 1;

/// A guest that has so many messages to take has not taken any for long: it takes one at a time, and
/// waits for most of them.
const BACKED_UP: usize = 1 << 16;

/// First and longest pause before a message is tried again.
const RETRY_FIRST: Duration = Duration::from_millis(1);
const RETRY_MAX: Duration = Duration::from_millis(10);

/// State of one virtual processor.
#[derive(Debug, Default)]
pub(crate) struct Synic {
    enabled: bool,
    message_page: Option<GuestAddress>,
    event_page: Option<GuestAddress>,
    queue: MessageQueue,
    /// Event flags raised while the guest had no page for them.
    missed: BTreeSet<u32>,
    pause: Option<Duration>,
}

impl Synic {
    /// The guest programmed its registers. Returns whether it is to be interrupted.
    pub(crate) fn program(&mut self, memory: &GuestMemoryMmap, exit: SynicExit) -> bool {
        self.enabled = exit.control & CONTROL_ENABLED != 0;
        self.message_page = page(memory, exit.message_page);
        self.event_page = page(memory, exit.event_page);
        if self.message_page.is_none() {
            self.queue.clear();
        }
        let Some(page) = self.events() else {
            return false;
        };
        let mut interrupt = false;
        for flag in std::mem::take(&mut self.missed) {
            interrupt |= event::raise(memory, page, VMBUS_SINT, flag);
        }
        interrupt
    }

    fn events(&self) -> Option<GuestAddress> {
        self.event_page.filter(|_| self.enabled)
    }

    /// Queues a message.
    pub(crate) fn post(&mut self, payload: &[u8]) {
        self.queue.push(payload);
    }

    /// Drops the messages that have not been delivered.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    /// Whether so many messages wait that the guest seems not to take any.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.queue.len() >= BACKED_UP
    }

    /// Delivers what can be delivered; `interrupt` tells the guest about one message.
    ///
    /// Returns how long to wait before the next try if the guest has not taken an earlier message.
    pub(crate) fn flush(
        &mut self,
        memory: &GuestMemoryMmap,
        interrupt: impl FnMut(),
    ) -> Option<Duration> {
        let page = self.message_page.filter(|_| self.enabled);
        let delivery = match page {
            Some(page) => self
                .queue
                .flush(memory, slot::address(page, VMBUS_SINT), interrupt),
            // Tried again when the guest switches its page on.
            None => Delivery::Done,
        };
        self.pause = match delivery {
            Delivery::Done => None,
            Delivery::Busy => Some(
                self.pause
                    .map_or(RETRY_FIRST, |pause| (pause * 2).min(RETRY_MAX)),
            ),
        };
        self.pause
    }

    /// Raises an event flag. Returns whether the guest is to be interrupted.
    pub(crate) fn raise(&mut self, memory: &GuestMemoryMmap, flag: u32) -> bool {
        match self.events() {
            Some(page) => event::raise(memory, page, VMBUS_SINT, flag),
            None => {
                if flag < event::FLAGS_PER_SINT {
                    self.missed.insert(flag);
                }
                false
            }
        }
    }
}

/// The page that a register names, if it is switched on and is RAM.
fn page(memory: &GuestMemoryMmap, register: u64) -> Option<GuestAddress> {
    if register & PAGE_ENABLED == 0 {
        return None;
    }
    let address = GuestAddress(register & !(PAGE as u64 - 1));
    if memory.check_range(address, PAGE) {
        Some(address)
    } else {
        log::warn!(
            "the guest put a page of its interrupt controller at {:#x}, where there is no RAM",
            address.0
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use vm_memory::Bytes;

    use super::*;

    const MESSAGES: u64 = 0x2000;
    const EVENTS: u64 = 0x3000;

    fn memory() -> GuestMemoryMmap {
        GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x10000)]).unwrap()
    }

    fn exit(control: u64, message_page: u64, event_page: u64) -> SynicExit {
        SynicExit {
            msr: 0x4000_0080,
            control,
            event_page,
            message_page,
        }
    }

    fn slot_type(memory: &GuestMemoryMmap) -> u32 {
        memory.read_obj(GuestAddress(MESSAGES + 0x200)).unwrap()
    }

    #[test]
    fn messages_wait_for_page_and_control() {
        let (memory, mut synic) = (memory(), Synic::default());
        synic.program(&memory, exit(0, MESSAGES | 1, 0));
        synic.post(b"hello");
        assert_eq!(synic.flush(&memory, || panic!("not enabled")), None);
        assert_eq!(slot_type(&memory), 0);

        synic.program(&memory, exit(1, MESSAGES | 1, 0));
        let mut interrupts = 0;
        assert_eq!(synic.flush(&memory, || interrupts += 1), None);
        assert_eq!((interrupts, slot_type(&memory)), (1, 1));
    }

    #[test]
    fn a_page_that_goes_away_takes_the_queue_with_it() {
        let (memory, mut synic) = (memory(), Synic::default());
        synic.program(&memory, exit(0, MESSAGES | 1, 0));
        synic.post(b"hello");
        synic.program(&memory, exit(1, 0, 0));
        synic.program(&memory, exit(1, MESSAGES | 1, 0));
        synic.flush(&memory, || panic!("nothing to deliver"));
    }

    #[test]
    fn a_guest_that_takes_nothing_is_noticed() {
        let (memory, mut synic) = (memory(), Synic::default());
        synic.program(&memory, exit(1, MESSAGES | 1, 0));
        for _ in 0..=BACKED_UP {
            assert!(!synic.is_backed_up());
            synic.post(b"more");
            synic.flush(&memory, || {});
        }
        assert!(synic.is_backed_up(), "the first one is in the slot");
        memory
            .write_obj(0u32, GuestAddress(MESSAGES + 0x200))
            .unwrap();
        synic.flush(&memory, || {});
        assert!(!synic.is_backed_up());
    }

    #[test]
    fn the_pause_doubles_up_to_a_limit_and_starts_over() {
        let (memory, mut synic) = (memory(), Synic::default());
        synic.program(&memory, exit(1, MESSAGES | 1, 0));
        synic.post(b"first");
        synic.post(b"second");
        let pauses: Vec<_> = (0..6)
            .map(|_| synic.flush(&memory, || {}).map(|pause| pause.as_millis()))
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10].map(Some));

        memory
            .write_obj(0u32, GuestAddress(MESSAGES + 0x200))
            .unwrap();
        assert_eq!(synic.flush(&memory, || {}), None);
        synic.post(b"third");
        assert_eq!(synic.flush(&memory, || {}), Some(RETRY_FIRST));
    }

    #[test]
    fn events_raised_early_come_when_the_page_does() {
        let (memory, mut synic) = (memory(), Synic::default());
        assert!(!synic.raise(&memory, 5));
        assert!(!synic.raise(&memory, event::FLAGS_PER_SINT));
        assert!(synic.program(&memory, exit(1, 0, EVENTS | 1)));
        assert_eq!(
            memory.read_obj::<u8>(GuestAddress(EVENTS + 0x200)).unwrap(),
            1 << 5
        );
        assert!(!synic.program(&memory, exit(1, 0, EVENTS | 1)), "only once");
    }

    #[test]
    fn pages_must_be_ram() {
        let (memory, mut synic) = (memory(), Synic::default());
        synic.program(&memory, exit(1, 0x10000 | 1, 0xFFFF_FFFF_FFFF_F001));
        synic.post(b"hello");
        assert_eq!(synic.flush(&memory, || panic!("no page")), None);
        assert!(!synic.raise(&memory, 1));
    }
}
