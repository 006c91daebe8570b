// SPDX-License-Identifier: GPL-2.0
//! GPU addresses: reserved, mapped, freed, updated.

use gpupv::Config;

use crate::guest::{long, word, words};
use crate::memory_guest::*;

const UNIT: u64 = 64 << 10;
const SUCCESS: u32 = 0;
const ACCESS_DENIED: u32 = 0xC000_0022;
/// Flags of an update and of sync objects.
const DO_NOT_WAIT: u32 = 1;
const NO_SIGNAL: u32 = 1 << 4;
const NO_WAIT: u32 = 1 << 5;
const WRITE: u64 = 1;
const ZERO: u64 = 4;
const NO_ACCESS: u64 = 8;

fn longs(longs: &[u64]) -> Vec<u8> {
    longs.iter().flat_map(|long| long.to_le_bytes()).collect()
}

impl MemoryGuest {
    /// The address, if the range could be reserved.
    pub fn reserve(&mut self, place: u32, bounds: [u64; 3], size: u64, kind: u32) -> Option<u64> {
        let mut body = words(&[place, 0]);
        body.extend(longs(&bounds));
        body.extend(longs(&[size, kind.into(), 0, 0, 0]));
        let reply = self.send(18, &body);
        (!reply.is_empty()).then(|| {
            assert_eq!((reply.len(), long(&reply, 8)), (16, 0));
            long(&reply, 0)
        })
    }

    /// Status, address, fence value. `what`: allocation, offset, size in pages, protection.
    fn map(&mut self, bounds: [u64; 3], what: (u32, u64, u64, u64)) -> (u32, u64, u64) {
        let (allocation, offset, pages, protection) = what;
        let mut body = words(&[self.queue, 0]);
        body.extend(longs(&bounds));
        body.extend(longs(&[allocation.into(), offset, pages, protection]));
        body.extend([0; 40]);
        // Without the padding at the end.
        body.extend([0; 4]);
        let reply = self.send(17, &body);
        assert_eq!(reply.len(), 24);
        (word(&reply, 16), long(&reply, 0), long(&reply, 8))
    }

    pub fn free(&mut self, base: u64, size: u64) -> u32 {
        let mut body = words(&[self.guest.adapters[0], 0]);
        body.extend(longs(&[base, size]));
        word(&self.send(16, &body), 0)
    }

    /// A context of the device.
    fn context(&mut self) -> u32 {
        let reply = self.send(6, &words(&[0, self.device, 0, 1, 0, 0, 0, 0]));
        assert_ne!(word(&reply, 24), 0);
        word(&reply, 24)
    }

    /// A monitored fence of the device, and where its value is.
    fn fence(&mut self) -> (u32, u64) {
        self.sync(5, 0)
    }

    /// A sync object, and where its value is.
    fn sync(&mut self, kind: u32, flags: u32) -> (u32, u64) {
        let mut body = words(&[self.device, 0, kind, flags]);
        body.extend([0; 84]);
        let reply = self.send(8, &body);
        assert_eq!(reply.len(), 32);
        (word(&reply, 0), long(&reply, 16))
    }

    /// A CPU signals a fence.
    fn signal(&mut self, fence: u32, value: u64) {
        let mut body = words(&[1, 0, 0, 0, 0, 0, self.device, 0, fence]);
        body.extend(longs(&[value]));
        assert_eq!(word(&self.send(26, &body), 0), 0);
    }

    fn update(&mut self, context: u32, fence: u32, value: u64, operations: &[[u64; 8]]) -> u32 {
        self.update_with(0, context, fence, value, operations)
    }

    pub fn update_with(
        &mut self,
        flags: u32,
        context: u32,
        fence: u32,
        value: u64,
        operations: &[[u64; 8]],
    ) -> u32 {
        let mut body = longs(&[value]);
        let count = operations.len() as u32;
        body.extend(words(&[self.device, context, fence, count, flags, 0]));
        for operation in operations {
            body.extend(longs(operation));
        }
        word(&self.send(19, &body), 0)
    }
}

#[test]
fn reserved_and_freed() {
    let mut m = MemoryGuest::new(Config::default());
    let adapter = m.guest.adapters[0];
    let start = m.reserve(adapter, [0, 0, 0], UNIT, 0).unwrap();
    assert_eq!(start, UNIT);
    // A paging queue may stand for the adapter.
    let queue = m.queue;
    let base = 0x1000_0000;
    assert_eq!(m.reserve(queue, [base, 0, 0], 4 * UNIT, 2), Some(base));
    assert_eq!(
        m.reserve(queue, [base + UNIT, 0, 0], UNIT, 0),
        None,
        "taken"
    );
    assert_eq!(
        m.reserve(queue, [0, 1 << 40, 1 << 41], UNIT, 1),
        Some(1 << 40)
    );
    assert_eq!(m.reserve(queue, [0, 0, 0], 4096, 0), None, "not a unit");
    assert_eq!(m.reserve(queue, [0, 0, 0], UNIT, 3), None, "type");
    assert_eq!(m.free(base, UNIT), INVALID_PARAMETER, "a part");
    assert_eq!(m.free(base, 4 * UNIT), 0);
    assert_eq!(m.free(base, 4 * UNIT), INVALID_PARAMETER);
    m.guest.assert_clean();
    assert_eq!(m.reserve(0x9980, [0, 0, 0], UNIT, 0), None);
    assert_eq!(m.guest.violations().len(), 1);
}

#[test]
fn mapped_where_there_is_room() {
    let mut m = MemoryGuest::new(Config::default());
    let a = m.allocate(8 * 4096);
    let (status, address, value) = m.map([0, 0, 0], (a, 0, 8, WRITE));
    assert_eq!((status, address, value), (PENDING, UNIT, 1));
    let (_, next, value) = m.map([0, 0, 0], (a, 4, 4, 0));
    assert_eq!((next, value), (UNIT + 8 * 4096, 2));
    m.wait_for(2);
    // Beyond the allocation, of nothing, of what is no allocation.
    let queue = m.queue;
    for what in [
        (a, 1, 8, 0),
        (a, u64::MAX, 1, 0),
        (a, 0, 0, 0),
        (queue, 0, 1, 0),
        (0, 0, 1, 0),
    ] {
        assert_eq!(m.map([0, 0, 0], what).0, INVALID_PARAMETER, "{what:?}");
    }
    for protection in [16, 32, ZERO | WRITE, ZERO | NO_ACCESS] {
        assert_eq!(m.map([0, 0, 0], (0, 0, 1, protection)).0, INVALID_PARAMETER);
    }
    assert_eq!(m.map([0, 0, 0], (a, 0, 1, ZERO)).0, INVALID_PARAMETER);
    assert_eq!(m.map([0, 0, 0], (0, 0, 1, ZERO)).0, PENDING);
    assert_eq!(m.map([0, 1 << 46, 1 << 46], (a, 0, 1, 0)).0, NO_MEMORY);
    // A destroyed allocation leaves its addresses.
    assert_eq!(m.destroy(0, &[a]), 0);
    let b = m.allocate(4096);
    assert_eq!(m.map([address, 0, 0], (b, 0, 1, 0)).1, address);
    m.guest.assert_clean();
}

#[test]
fn each_process_has_its_own_addresses() {
    let mut m = MemoryGuest::new(Config::default());
    let adapter = m.guest.adapters[0];
    let at = [0x1000_0000, 0, 0];
    assert!(m.reserve(adapter, at, UNIT, 0).is_some());
    let first = m.process;
    let process = m.guest.create_process(2, "b");
    let mut m = MemoryGuest::of_process(m.guest, process);
    assert!(m.reserve(adapter, at, UNIT, 0).is_some());
    m.guest.destroy_process(first);
    assert_eq!(m.free(at[0], UNIT), 0);
    m.guest.assert_clean();
}

#[test]
fn updates_happen_all_or_not_at_all() {
    let mut m = MemoryGuest::new(Config::default());
    let base = 0x1000_0000;
    let adapter = m.guest.adapters[0];
    m.reserve(adapter, [base, 0, 0], 2 * UNIT, 0).unwrap();
    let second = base + 4 * UNIT;
    m.reserve(adapter, [second, 0, 0], UNIT, 0).unwrap();
    let a = m.allocate(UNIT);
    let (context, (fence, at)) = (m.context(), m.fence());
    let map = [0, base, UNIT, a.into(), 0, UNIT, 0, 0];
    let copy = [2, base, UNIT, base + UNIT, 0, 0, 0, 0];
    let unmap = [1, base, UNIT, 0, 0, 0, 0, 0];
    let protect = [3, base, 4096, a.into(), 4096, 4096, WRITE, 0];
    let wait = m.update(context, fence, 5, &[map, copy, unmap, protect]);
    assert_eq!((wait, m.guest.window.word(at)), (0, 0));
    m.signal(fence, 5);
    m.guest.await_word(at, 6);
    // Not within a reservation, an unknown operation, more than the allocation, no allocation.
    for bad in [
        [0, base + 2 * UNIT, UNIT, a.into(), 0, UNIT, 0, 0],
        [4, base, UNIT, a.into(), 0, UNIT, 0, 0],
        [0, base, UNIT, a.into(), 4096, UNIT, 0, 0],
        [0, base, UNIT, 0, 0, UNIT, 0, 0],
        [1, base, UNIT, 2, 0, 0, 0, 0],
        // In another reservation
        [1, second, UNIT, 0, 0, 0, 0, 0],
        [2, base, UNIT, second, 0, 0, 0, 0],
    ] {
        assert_eq!(m.update(context, fence, 6, &[map, bad]), INVALID_PARAMETER);
    }
    assert_eq!(m.update(fence, context, 6, &[map]), INVALID_PARAMETER);
    m.guest.assert_clean();
    assert_eq!(m.guest.window.word(at), 6);
    // Copies may come from another reservation, and 0 bytes of an allocation are all of them.
    let copy = [2, second, UNIT, base + UNIT, 0, 0, 0, 0];
    let whole = [0, base, UNIT, a.into(), 0, 0, 0, 0];
    let too_little = [0, base, UNIT, a.into(), 0, 4096, 0, 0];
    assert_eq!(m.update(context, fence, 6, &[whole, copy]), 0);
    m.guest.await_word(at, 7);
    let wrong = m.update(context, fence, 7, &[too_little]);
    assert_eq!(wrong, INVALID_PARAMETER);
    m.guest.assert_clean();
    assert_eq!(m.update(context, fence, 6, &[]), INVALID_PARAMETER);
    assert_eq!(m.guest.violations().len(), 1);
}

#[test]
fn updates_need_the_rights_to_their_fence() {
    let mut m = MemoryGuest::new(Config::default());
    let base = 0x1000_0000;
    let adapter = m.guest.adapters[0];
    m.reserve(adapter, [base, 0, 0], UNIT, 0).unwrap();
    let context = m.context();
    let unmap = [1, base, UNIT, 0, 0, 0, 0, 0];
    let mut update = |flags: u32, kind: u32, sync_flags: u32| {
        let (fence, _) = m.sync(kind, sync_flags);
        m.update_with(flags, context, fence, 0, &[unmap])
    };
    assert_eq!(update(0, 5, 0), 0);
    assert_eq!(update(0, 5, NO_SIGNAL), ACCESS_DENIED);
    assert_eq!(update(0, 5, NO_WAIT), ACCESS_DENIED);
    assert_eq!(update(DO_NOT_WAIT, 5, NO_WAIT), 0);
    for kind in [1, 3, 6] {
        assert_eq!(update(0, kind, 0), INVALID_PARAMETER, "type {kind}");
    }
    m.guest.assert_clean();
}

#[test]
fn an_unmapping_may_name_what_was_mapped() {
    let mut m = MemoryGuest::new(Config::default());
    let adapter = m.guest.adapters[0];
    let start = m.reserve(adapter, [0, 0, 0], UNIT, 0).unwrap();
    let a = m.allocate(UNIT);
    let at = [start, 0, 0];
    assert_eq!(m.map(at, (a, 0, 16, WRITE)).0, PENDING);
    assert_eq!(m.map(at, (a, 0, 16, NO_ACCESS)).0, PENDING);
    assert_eq!(m.map(at, (a, 0, 16, WRITE)).0, PENDING);
    assert_eq!(m.map(at, (0, 0, 16, NO_ACCESS)).0, PENDING);
    assert_eq!(m.map(at, (m.queue, 0, 1, NO_ACCESS)).0, INVALID_PARAMETER);
    // What was mapped without a reservation can only show something else.
    let (_, mapped, value) = m.map([0, 0, 0], (a, 0, 16, WRITE));
    for allocation in [0, a] {
        let status = m.map([mapped, 0, 0], (allocation, 0, 1, NO_ACCESS)).0;
        assert_eq!(status, INVALID_PARAMETER);
    }
    m.wait_for(value);
    let b = m.allocate(UNIT);
    assert_eq!(m.map([mapped + 4096, 0, 0], (b, 1, 2, 0)).0, PENDING);
    m.guest.assert_clean();
}

#[test]
fn a_mapping_that_is_there_already_is_done() {
    let mut m = MemoryGuest::new(Config::default());
    let a = m.allocate(UNIT);
    let what = (a, 0, 16, WRITE);
    let (status, start, value) = m.map([0, 0, 0], what);
    assert_eq!((status, value), (PENDING, 1));
    m.wait_for(value);
    let at = [start, 0, 0];
    assert_eq!(m.map(at, what), (SUCCESS, start, 0));
    // Not as long as something else is in progress, and not of another kind.
    assert_eq!(m.map(at, (a, 0, 16, 0)), (PENDING, start, 2));
    let (status, _, value) = m.map(at, (a, 0, 16, 0));
    m.wait_for(2);
    assert!((status, value) == (PENDING, 3) || (status, value) == (SUCCESS, 0));
    m.guest.assert_clean();
}

#[test]
fn a_base_is_enough() {
    let mut m = MemoryGuest::new(Config::default());
    let adapter = m.guest.adapters[0];
    let a = m.allocate(UNIT);
    let beyond = |base| [base, 1 << 40, 1 << 41];
    let base = 0x1000_0000;
    assert_eq!(m.reserve(adapter, beyond(base), UNIT, 0), Some(base));
    let (status, address, _) = m.map(beyond(base), (a, 0, 16, WRITE));
    assert_eq!((status, address), (PENDING, base));
    let (status, address, _) = m.map(beyond(base + UNIT), (a, 0, 16, WRITE));
    assert_eq!((status, address), (PENDING, base + UNIT));
    m.guest.assert_clean();
}
