// SPDX-License-Identifier: GPL-2.0
//! Allocations and the CPU: locked memory of the host, memory of the guest as an allocation.

use std::collections::BTreeSet;
use std::sync::Arc;

use gpupv::{Config, GuestMemory};

use crate::guest::{long, word, words};
use crate::memory_guest::*;

const MIB: u64 = 1 << 20;
const PAGES_PER_COMMAND: u32 = 15_867;

impl MemoryGuest {
    /// Status and address.
    pub fn lock(&mut self, allocation: u32) -> (u32, u64) {
        let mut body = words(&[self.device, allocation, 0, 0]);
        body.extend([0; 20]);
        let reply = self.send(23, &body);
        assert_eq!(reply.len(), 16);
        (word(&reply, 0), long(&reply, 8))
    }

    pub fn unlock(&mut self, allocation: u32) -> u32 {
        word(&self.send(24, &words(&[self.device, allocation, 0])), 0)
    }

    /// Hands pages over. The message is as long as known guests send it, if `padded`.
    fn pages(&mut self, allocation: u32, offset: u32, pages: &[u64], padded: bool) -> u32 {
        let mut body = words(&[self.device, allocation, pages.len() as u32, offset]);
        body.extend(pages.iter().flat_map(|page| page.to_le_bytes()));
        if padded {
            body.resize(126_976 - 24, 0xFF);
        }
        word(&self.send(66, &body), 0)
    }
}

#[test]
fn locked_memory_lies_in_the_window_and_keeps_its_content() {
    let mut m = MemoryGuest::new(Config::default());
    let a = m.allocate(8192);
    let (status, address) = m.lock(a);
    assert_eq!((status, address % 4096), (0, 0));
    let range = m.guest.window.range();
    assert!(range.contains(&address) && address + 8192 <= range.end);
    assert_eq!(m.guest.window.word(address + 4096), 0);
    m.guest.window.set_word(address + 4096, 77);
    assert_eq!(m.lock(a), (0, address), "again");
    assert_eq!(m.unlock(a), 0);
    assert_eq!(m.unlock(a), 0, "not locked: no fault");
    let (_, address) = m.lock(a);
    assert_eq!(m.guest.window.word(address + 4096), 77);
    // Gone with the allocation.
    assert_eq!(m.destroy(0, &[a]), 0);
    assert_eq!(m.guest.window.word(address + 4096), 0);
    assert_eq!(m.lock(a).0, INVALID_PARAMETER);
    m.guest.assert_clean();
}

#[test]
fn content_survives_when_others_need_the_window() {
    let config = Config {
        io_space_mib: 4,
        ..Config::default()
    };
    let mut m = MemoryGuest::new(config);
    let handles: Vec<u32> = (0..6).map(|_| m.allocate(MIB)).collect();
    for (&handle, n) in handles.iter().zip(1..) {
        let (status, address) = m.lock(handle);
        assert_eq!((status, m.guest.window.word(address)), (0, 0));
        m.guest.window.set_word(address, n);
        assert_eq!(m.unlock(handle), 0);
    }
    for (&handle, n) in handles.iter().zip(1..) {
        let (status, address) = m.lock(handle);
        assert_eq!((status, m.guest.window.word(address)), (0, n));
        assert_eq!(m.unlock(handle), 0);
    }
    // All at once do not fit.
    let states: Vec<u32> = handles.iter().map(|&handle| m.lock(handle).0).collect();
    assert_eq!(states, [0, 0, 0, NO_MEMORY, NO_MEMORY, NO_MEMORY]);
    m.guest.assert_clean();
}

#[test]
fn locks_that_are_refused() {
    let mut m = MemoryGuest::new(Config::default());
    let a = m.allocate(4096);
    let offered = words(&[m.device, 1, 1, 0, 0, a]);
    assert_eq!(word(&m.send(57, &offered), 0), 0);
    assert_eq!(m.lock(a).0, INVALID_PARAMETER, "on offer");
    let huge = m.allocate(1 << 30);
    assert_eq!(m.lock(huge).0, NO_MEMORY, "more than the window");
    assert_eq!(m.lock(m.queue).0, INVALID_PARAMETER);
    let flush = |m: &mut MemoryGuest, offset: u64, len: u64| {
        let mut body = words(&[m.device, huge]);
        body.extend([offset, len, 0].iter().flat_map(|n| n.to_le_bytes()));
        word(&m.send(67, &body), 0)
    };
    assert_eq!(flush(&mut m, 5, (1 << 30) - 5), 0);
    assert_eq!(flush(&mut m, 6, (1 << 30) - 5), INVALID_PARAMETER);
    assert_eq!(flush(&mut m, u64::MAX, 2), INVALID_PARAMETER);
    m.guest.assert_clean();
}

#[test]
fn pages_of_the_guest_in_pieces() {
    let mut m = MemoryGuest::new(Config::default());
    let count = u64::from(PAGES_PER_COMMAND) + 3;
    let (_, made) = m.create(0, EXISTING_SYSMEM, &[local(count * 4096)]);
    let a = made[0].handle;
    assert_ne!(made[0].flags & (1 << 11), 0);
    let pages: Vec<u64> = (0..count).map(|n| 0x1000 + n * 2).collect();
    let (first, rest) = pages.split_at(PAGES_PER_COMMAND as usize);
    assert_eq!(m.pages(a, 0, first, true), 0);
    assert_eq!(
        m.make_resident(0, &[a]).0,
        INVALID_PARAMETER,
        "not all there"
    );
    assert_eq!(m.pages(a, PAGES_PER_COMMAND, rest, false), 0);
    assert_eq!(m.make_resident(0, &[a]).0, PENDING);
    assert_eq!(m.residency(&[a]), [2], "in the machine's memory");
    // Known guests lock such memory by themselves, and unlock it here.
    assert_eq!(m.unlock(a), 0);
    assert_eq!(m.lock(a).0, INVALID_PARAMETER);
    m.guest.assert_clean();
    for (offset, pages) in [(0, &pages[..1]), (PAGES_PER_COMMAND, &pages[..1])] {
        assert_eq!(m.pages(a, offset, pages, false), INVALID_PARAMETER);
    }
    assert_eq!(m.pages(a, 0, &[], false), INVALID_PARAMETER);
    let ours = m.allocate(4096);
    assert_eq!(m.pages(ours, 0, &[1], false), INVALID_PARAMETER);
    assert_eq!(m.pages(0xA000, 0, &[1], false), INVALID_PARAMETER);
    assert_eq!(m.guest.violations().len(), 5);
}

struct Ram(BTreeSet<u64>);

impl GuestMemory for Ram {
    fn page_count(&self) -> u64 {
        self.0.len() as u64
    }

    fn has_page(&self, number: u64) -> bool {
        self.0.contains(&number)
    }

    fn read(&self, _address: u64, _into: &mut [u8]) -> bool {
        false
    }

    fn write(&self, _address: u64, _from: &[u8]) -> bool {
        false
    }
}

#[test]
fn pages_may_be_handed_over_four_times() {
    let mut m = MemoryGuest::new(Config::default());
    let ram = Ram((0..16).collect());
    m.guest.host.set_guest_memory(Arc::new(ram));
    let mut allocation = || m.create(0, EXISTING_SYSMEM, &[local(10 * 4096)]).1[0].handle;
    let handles: Vec<u32> = (0..8).map(|_| allocation()).collect();
    let pages: Vec<u64> = (0..10).collect();
    for &handle in &handles[..6] {
        assert_eq!(m.pages(handle, 0, &pages, false), 0);
    }
    // 64 in all, and no more.
    assert_eq!(m.pages(handles[6], 0, &pages, false), NO_MEMORY);
    assert_eq!(m.pages(handles[6], 0, &pages[..4], false), 0);
    assert_eq!(m.pages(handles[7], 0, &pages[..1], false), NO_MEMORY);
    // What goes makes room.
    assert_eq!(m.destroy(0, &handles[..1]), 0);
    assert_eq!(m.pages(handles[7], 0, &pages, false), 0);
    assert_eq!(m.pages(handles[6], 4, &pages[..1], false), NO_MEMORY);
    m.guest.destroy_process(m.process);
    m.guest.assert_clean();
}

#[test]
fn pages_must_be_the_guests() {
    let mut m = MemoryGuest::new(Config::default());
    m.guest.host.set_guest_memory(Arc::new(Ram([5, 6].into())));
    let (_, made) = m.create(0, EXISTING_SYSMEM | READ_ONLY, &[local(2 * 4096)]);
    let a = made[0].handle;
    assert_eq!(m.pages(a, 0, &[5], false), 0);
    m.guest.assert_clean();
    assert_eq!(m.pages(a, 1, &[7], false), INVALID_PARAMETER);
    assert_eq!(m.guest.violations().len(), 1);
    assert_eq!(m.pages(a, 1, &[6], false), 0, "still possible");
}

#[test]
fn without_the_capability_there_are_no_lists_of_pages() {
    let config = Config {
        map_guest_memory: false,
        ..Config::default()
    };
    let mut m = MemoryGuest::new(config);
    let (_, made) = m.create(0, EXISTING_SYSMEM, &[local(4096)]);
    assert_eq!(m.pages(made[0].handle, 0, &[5], false), INVALID_PARAMETER);
    let gpadl = words(&[m.device, made[0].handle, 0xE1E10]);
    assert_eq!(word(&m.send(45, &gpadl), 0), INVALID_PARAMETER, "unknown");
    assert_eq!(m.guest.violations().len(), 2);
}
