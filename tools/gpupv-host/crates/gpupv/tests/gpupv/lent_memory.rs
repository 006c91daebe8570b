// SPDX-License-Identifier: GPL-2.0
//! Memory of the guest that comes as a GPADL of the global channel.

use std::io;
use std::sync::Arc;

use gpupv::Config;
use hyperv::Partition;
use vm_memory::{GuestAddress, GuestMemoryMmap};
use vmbus::gpadl::PageList;
use vmbus::{Closed, GpadlView};
use vmm_sys_util::eventfd::EventFd;

use crate::guest::{word, words};
use crate::memory_guest::*;

/// RAM and nothing else.
struct Ram(GuestMemoryMmap);

impl Partition for Ram {
    fn memory(&self) -> &GuestMemoryMmap {
        &self.0
    }

    fn post_message(&self, _vp: u32, _payload: &[u8]) {}

    fn clear_messages(&self) {}

    fn is_backed_up(&self) -> bool {
        false
    }

    fn signal_event(&self, _vp: u32, _flag: u32) {}

    fn bind_event(&self, _connection: u32) -> io::Result<EventFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn unbind_event(&self, _connection: u32, _fd: &EventFd) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn vp_count(&self) -> u32 {
        1
    }
}

/// Pages 5, 6, 7... of a machine with 1 MiB.
fn view(byte_offset: u32, byte_count: u32) -> GpadlView {
    let ranges = [(GuestAddress(0), 1 << 20)];
    let ram = Ram(GuestMemoryMmap::from_ranges(&ranges).unwrap());
    let pages = (byte_offset + byte_count).div_ceil(4096);
    let pages = PageList {
        pfns: (5..).take(pages as usize).collect(),
        byte_offset,
        byte_count,
    };
    GpadlView::new(Arc::new(ram), &pages)
}

impl MemoryGuest {
    fn lend(&mut self, id: u32, view: Option<GpadlView>) {
        self.guest.global.device.gpadl(id, view);
    }

    fn hand_over(&mut self, allocation: u32, gpadl: u32) -> u32 {
        // Without the padding at the end, which the ring puts back.
        let body = words(&[self.device, allocation, gpadl]);
        word(&self.send(45, &body), 0)
    }
}

fn started() -> (MemoryGuest, u32) {
    let config = Config {
        map_guest_memory: false,
        ..Config::default()
    };
    let mut m = MemoryGuest::new(config);
    let (_, made) = m.create(0, EXISTING_SYSMEM, &[local(3 * 4096)]);
    (m, made[0].handle)
}

#[test]
fn handed_over_used_and_taken_back() {
    let (mut m, a) = started();
    m.lend(9, Some(view(0, 3 * 4096)));
    assert_eq!(m.make_resident(0, &[a]).0, INVALID_PARAMETER, "not there");
    assert_eq!(m.hand_over(a, 9), 0);
    assert_eq!(m.make_resident(0, &[a]).0, PENDING);
    assert_eq!(m.residency(&[a]), [2]);
    assert_eq!(m.destroy(0, &[a]), 0);
    m.lend(9, None);
    m.guest.assert_clean();
}

#[test]
fn taken_back_too_early() {
    let (mut m, a) = started();
    m.lend(9, Some(view(0, 3 * 4096)));
    assert_eq!(m.hand_over(a, 9), 0);
    m.lend(9, None);
    let expected = ["GPADL 0x9 taken back from an allocation"];
    assert_eq!(m.guest.violations(), expected);
}

#[test]
fn the_end_of_the_machine_takes_nothing_back() {
    let (mut m, a) = started();
    m.lend(9, Some(view(0, 3 * 4096)));
    assert_eq!(m.hand_over(a, 9), 0);
    m.guest.close_all(Closed::Shutdown);
    m.lend(9, None);
    m.guest.assert_clean();
    assert_eq!(m.left("allocation"), 1, "still to be reported");
}

#[test]
fn what_does_not_fit() {
    let (mut m, a) = started();
    // Too small, too large, not at the start of a page, unknown.
    for (id, offset, len) in [(1, 0, 2 * 4096), (2, 0, 4 * 4096), (3, 8, 3 * 4096)] {
        m.lend(id, Some(view(offset, len)));
        assert_eq!(m.hand_over(a, id), INVALID_PARAMETER, "GPADL {id}");
    }
    assert_eq!(m.hand_over(a, 4), INVALID_PARAMETER);
    assert_eq!(m.guest.violations().len(), 4);
    m.lend(5, Some(view(0, 3 * 4096)));
    assert_eq!(m.hand_over(a, 5), 0);
    assert_eq!(m.hand_over(a, 5), INVALID_PARAMETER, "a second time");
    assert_eq!(m.guest.violations().len(), 5);
}

#[test]
fn an_old_guest_does_the_same() {
    let config = Config {
        interface_version: 27,
        ..Config::default()
    };
    let mut m = MemoryGuest::new(config);
    let (_, made) = m.create(0, EXISTING_SYSMEM, &[local(4096)]);
    m.lend(7, Some(view(0, 4096)));
    assert_eq!(m.hand_over(made[0].handle, 7), 0);
    let (status, value, _) = m.make_resident(0, &[made[0].handle]);
    assert_eq!(status, PENDING);
    m.wait_for(value);
    m.guest.assert_clean();
}

/// Another process with the only allocation of a shared resource, and that allocation.
fn opened(mut m: MemoryGuest, resource: u32) -> (MemoryGuest, u32) {
    let process = m.process;
    let nt = word(&m.guest.global(1004, process, &words(&[resource])), 0);
    assert_ne!(nt, 0);
    let process = m.guest.create_process(2, "b");
    let mut m = MemoryGuest::of_process(m.guest, process);
    let body = words(&[m.device, 1, nt, 1, 0]);
    let reply = m.send(32, &body);
    assert_eq!(word(&reply, 4), 0);
    (m, word(&reply, 8))
}

#[test]
fn what_others_share_is_taken_back_with_its_allocation() {
    let config = Config {
        map_guest_memory: false,
        ..Config::default()
    };
    let mut m = MemoryGuest::new(config);
    let flags = EXISTING_SYSMEM | SHARED_RESOURCE;
    let (resource, made) = m.create(0, flags, &[local(4096)]);
    m.lend(9, Some(view(0, 4096)));
    assert_eq!(m.hand_over(made[0].handle, 9), 0);
    let (lender, device) = (m.process, m.device);
    let (mut m, shared) = opened(m, resource);
    assert_eq!(m.make_resident(0, &[shared]).0, PENDING);
    // The memory lives, its pages are the guest's again.
    let body = words(&[device, resource, 0, 0]);
    assert_eq!(word(&m.guest.vgpu(0, 5, lender, &body), 0), 0);
    assert_eq!(m.left("allocation"), 1);
    m.lend(9, None);
    m.guest.assert_clean();
    assert_eq!(m.make_resident(0, &[shared]).0, INVALID_PARAMETER);
    // Nobody else puts pages into it.
    m.lend(10, Some(view(0, 4096)));
    assert_eq!(m.hand_over(shared, 10), INVALID_PARAMETER);
    assert_eq!(m.guest.violations().len(), 1);
}
