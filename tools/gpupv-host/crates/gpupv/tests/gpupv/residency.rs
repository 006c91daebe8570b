// SPDX-License-Identifier: GPL-2.0
//! Memory that competes for places: residency, offers, priorities, reservations.

use gpupv::Config;

use crate::guest::{long, word, words};
use crate::memory_guest::*;

const MIB: u64 = 1 << 20;
const LOCAL: u32 = 0;
const NON_LOCAL: u32 = 1;

/// 64 MiB of its own, of which a process may use 60, and 32 MiB of the machine's.
fn small() -> MemoryGuest {
    MemoryGuest::new(config(64 * MIB, 32 * MIB))
}

fn offer(m: &mut MemoryGuest, priority: u32, flags: u32, handles: &[u32]) -> u32 {
    let mut body = words(&[m.device, handles.len() as u32, priority, flags, 0]);
    body.extend(words(handles));
    word(&m.send(57, &body), 0)
}

/// Status and results.
fn reclaim(m: &mut MemoryGuest, handles: &[u32]) -> (u32, Vec<u32>) {
    let mut body = words(&[m.device, m.queue, handles.len() as u32, 0x100]);
    body.extend(words(handles));
    let reply = m.send(58, &body);
    assert_eq!(reply.len(), 12 + 4 * handles.len());
    let results = (0..handles.len()).map(|n| word(&reply, 12 + 4 * n));
    (word(&reply, 8), results.collect())
}

#[test]
fn the_paging_fence_reaches_every_value() {
    let mut m = small();
    let a = m.allocate(MIB);
    let mut last = 0;
    for _ in 0..20 {
        let (status, value, trim) = m.make_resident(0, &[a]);
        assert_eq!((status, trim), (PENDING, 0));
        assert_eq!(value, last + 1);
        last = value;
        assert_eq!(m.evict(0, &[a]), Some(0));
    }
    m.wait_for(last);
    m.guest.assert_clean();
}

#[test]
fn what_is_resident_already_is_no_work() {
    let mut m = small();
    let (a, b) = (m.allocate(MIB), m.allocate(MIB));
    let (status, value, _) = m.make_resident(0, &[a]);
    assert_eq!((status, value), (PENDING, 1));
    m.wait_for(1);
    assert_eq!(m.make_resident(0, &[a, a]), (0, 0, 0));
    // It counts all the same.
    for state in [1, 1, 3] {
        assert_eq!(m.evict(0, &[a]), Some(0));
        assert_eq!(m.residency(&[a]), [state]);
    }
    // One that is not is enough, and so is work that is not done yet.
    assert_eq!(m.make_resident(0, &[a, b]), (PENDING, 2, 0));
    m.wait_for(2);
    assert_eq!(m.make_resident(0, &[a, b]), (0, 0, 0));
    m.guest.assert_clean();
}

#[test]
fn only_allocations_of_the_device_of_the_queue() {
    let mut m = small();
    let a = m.allocate(MIB);
    let first = (m.device, m.queue);
    m.device = m.guest.create_device(0, m.process, 8);
    let b = m.allocate(MIB);
    (m.device, m.queue) = first;
    assert_eq!(m.make_resident(0, &[a, b]).0, INVALID_PARAMETER);
    assert_eq!(m.residency(&[a]), [3]);
    m.guest.assert_clean();
}

#[test]
fn memory_that_must_be_there_and_is_not_costs_the_device() {
    const OUT_OF_MEMORY: u32 = 5;
    for flag in [1, 2] {
        let mut m = small();
        let a = m.allocate(50 * MIB);
        let b = m.allocate(50 * MIB);
        assert_eq!(m.make_resident(flag, &[a]).0, PENDING);
        let state = |m: &mut MemoryGuest| {
            let mut body = words(&[m.device, 1]);
            body.extend([0; 48]);
            word(&m.send(28, &body), 8)
        };
        assert_eq!(m.make_resident(0, &[b]).0, NO_MEMORY);
        assert_eq!(state(&mut m), 1, "others may be evicted");
        assert!(m.guest.global.unasked().is_empty());
        let (status, _, missing) = m.make_resident(flag, &[b]);
        assert_eq!(status, NO_MEMORY);
        assert!(missing >= 36 * MIB);
        assert_eq!(state(&mut m), OUT_OF_MEMORY);
        assert_eq!(m.guest.global.unasked().len(), 1);
        m.guest.assert_clean();
    }
}

#[test]
fn usage_follows_residency() {
    let mut m = small();
    assert_eq!(m.video_memory(LOCAL), [60 * MIB, 0, 0, 30 * MIB]);
    let a = m.allocate(8 * MIB);
    let (_, made) = m.create(0, 0, &[not_local(4 * MIB)]);
    let b = made[0].handle;
    assert_eq!(m.residency(&[a, b]), [3, 3]);
    assert_eq!(m.make_resident(0, &[a, b, a]).0, PENDING);
    assert_eq!(m.residency(&[a, b]), [1, 2]);
    assert_eq!(m.video_memory(LOCAL)[1], 8 * MIB);
    assert_eq!(m.video_memory(NON_LOCAL)[1], 4 * MIB);
    // Twice made resident, twice to be evicted; more does not matter.
    for usage in [8 * MIB, 0, 0] {
        assert_eq!(m.evict(0, &[a]), Some(0));
        assert_eq!(m.video_memory(LOCAL)[1], usage);
    }
    assert_eq!(m.residency(&[a, b]), [3, 2]);
    assert_eq!(m.destroy(0, &[b]), 0);
    assert_eq!(m.video_memory(NON_LOCAL)[1], 0, "gone with the allocation");
    m.guest.assert_clean();
}

#[test]
fn over_budget_says_by_how_much() {
    let mut m = small();
    let a = m.allocate(40 * MIB);
    let b = m.allocate(22 * MIB);
    assert_eq!(m.make_resident(0, &[a]).0, PENDING);
    assert_eq!(m.make_resident(0, &[b]), (NO_MEMORY, 0, 2 * MIB));
    assert_eq!(m.residency(&[a, b]), [1, 3]);
    // It must succeed: the budget does not count then, only what there is.
    assert_eq!(m.make_resident(2, &[b]).0, PENDING);
    let c = m.allocate(3 * MIB);
    assert_eq!(m.make_resident(2, &[c]), (NO_MEMORY, 0, MIB));
    assert_eq!(m.make_resident(8, &[a]).0, INVALID_PARAMETER, "flags");
    m.guest.assert_clean();
}

#[test]
fn evicted_memory_stays_until_its_place_is_needed() {
    let mut m = small();
    let a = m.allocate(30 * MIB);
    let b = m.allocate(20 * MIB);
    assert_eq!(m.make_resident(0, &[a, b]).0, PENDING);
    assert_eq!(m.evict(1, &[a]), Some(0));
    assert_eq!(m.residency(&[a, b]), [1, 1]);
    assert_eq!(m.video_memory(LOCAL)[1], 20 * MIB);
    let c = m.allocate(16 * MIB);
    assert_eq!(m.make_resident(0, &[c]).0, PENDING);
    assert_eq!(m.residency(&[a, b, c]), [3, 1, 1]);
    m.guest.assert_clean();
}

#[test]
fn what_is_on_offer_goes_by_priority() {
    let mut m = small();
    let handles: Vec<u32> = (0..4).map(|_| m.allocate(15 * MIB)).collect();
    assert_eq!(m.make_resident(0, &handles).0, PENDING);
    assert_eq!(offer(&mut m, 3, 0, &handles[0..1]), 0);
    assert_eq!(offer(&mut m, 1, 0, &handles[1..2]), 0);
    assert_eq!(offer(&mut m, 2, 2, &handles[2..3]), 0);
    assert_eq!(m.make_resident(0, &handles[0..1]).0, INVALID_PARAMETER);
    // Another process needs room: the least important goes, then the next.
    let process = m.guest.create_process(2, "b");
    let first = (m.process, m.device, m.queue, m.fence);
    let mut m = MemoryGuest::of_process(m.guest, process);
    let big = m.allocate(30 * MIB);
    assert_eq!(m.make_resident(0, &[big]).0, PENDING);
    let second = (m.process, m.device);
    (m.process, m.device, m.queue, m.fence) = first;
    assert_eq!(m.residency(&handles), [1, 3, 3, 1]);
    // There is no room for them to come back.
    assert_eq!(reclaim(&mut m, &handles[1..3]).0, NO_MEMORY);
    (m.process, m.device) = second;
    assert_eq!(m.destroy(0, &[big]), 0);
    (m.process, m.device, m.queue, m.fence) = first;
    assert_eq!(reclaim(&mut m, &handles), (PENDING, vec![0, 1, 2, 0]));
    assert_eq!(m.residency(&handles), [1; 4]);
    m.wait_for(2);
    assert_eq!(
        reclaim(&mut m, &handles),
        (0, vec![0; 4]),
        "all of it is there"
    );
    for (priority, flags) in [(0, 0), (5, 0), (1, 4)] {
        assert_eq!(offer(&mut m, priority, flags, &handles), INVALID_PARAMETER);
    }
    m.guest.assert_clean();
}

#[test]
fn priorities_of_lists_and_resources() {
    let mut m = small();
    let (resource, made) = m.create(0, CREATE_RESOURCE, &[local(1), local(1)]);
    let (a, b) = (made[0].handle, made[1].handle);
    let get = |m: &mut MemoryGuest, resource: u32, handles: &[u32]| {
        let mut body = words(&[m.device, resource, handles.len() as u32, 0]);
        body.extend(words(handles));
        let reply = m.send(60, &body);
        assert_eq!(reply.len(), 4 + 4 * handles.len().max(1));
        let all: Vec<u32> = (0..reply.len() / 4).map(|n| word(&reply, 4 * n)).collect();
        all
    };
    let set = |m: &mut MemoryGuest, resource: u32, handles: &[u32], priorities: &[u32]| {
        let mut body = words(&[m.device, resource, handles.len() as u32, 0]);
        body.extend(words(handles));
        body.extend(words(priorities));
        word(&m.send(59, &body), 0)
    };
    let normal = 0x7800_0000;
    assert_eq!(get(&mut m, 0, &[a, b]), [0, normal, normal]);
    assert_eq!(set(&mut m, 0, &[a, b], &[1, 0xC800_0000]), 0);
    assert_eq!(get(&mut m, 0, &[b, a]), [0, 0xC800_0000, 1]);
    assert_eq!(set(&mut m, resource, &[], &[5]), 0);
    assert_eq!(get(&mut m, 0, &[a, b]), [0, 5, 5]);
    assert_eq!(get(&mut m, resource, &[]), [0, 5]);
    assert_eq!(set(&mut m, 0, &[a], &[0xC800_0001]), INVALID_PARAMETER);
    assert_eq!(get(&mut m, 0, &[a, 0x9990])[0], INVALID_PARAMETER);
    m.guest.assert_clean();
    assert_eq!(get(&mut m, resource, &[a])[0], INVALID_PARAMETER, "both");
    assert_eq!(m.guest.violations().len(), 1);
}

#[test]
fn reservations_are_kept_from_others() {
    let mut m = small();
    let reserve = |m: &mut MemoryGuest, group: u32, bytes: u64| {
        let mut body = words(&[0, 0, 0, group]);
        body.extend(bytes.to_le_bytes());
        body.extend(words(&[0]));
        word(&m.send(49, &body), 0)
    };
    assert_eq!(reserve(&mut m, LOCAL, 30 * MIB), 0);
    assert_eq!(reserve(&mut m, LOCAL, 30 * MIB + 1), INVALID_PARAMETER);
    assert_eq!(reserve(&mut m, 2, 0), INVALID_PARAMETER);
    assert_eq!(m.video_memory(LOCAL), [60 * MIB, 0, 30 * MIB, 30 * MIB]);
    let process = m.guest.create_process(2, "b");
    let first = m.process;
    let mut m = MemoryGuest::of_process(m.guest, process);
    assert_eq!(m.video_memory(LOCAL), [30 * MIB, 0, 0, 0]);
    assert_eq!(reserve(&mut m, LOCAL, 4096), INVALID_PARAMETER);
    assert_eq!(reserve(&mut m, NON_LOCAL, 15 * MIB), 0);
    let a = m.allocate(31 * MIB);
    assert_eq!(m.make_resident(0, &[a]), (NO_MEMORY, 0, MIB));
    assert_eq!(m.guest.destroy_process(first), 0);
    assert_eq!(m.make_resident(0, &[a]).0, PENDING, "given back");
    m.guest.assert_clean();
}

#[test]
fn segments_can_be_chosen() {
    let mut m = small();
    let a = m.allocate(8 * MIB);
    assert_eq!(m.make_resident(0, &[a]).0, PENDING);
    let update = |m: &mut MemoryGuest, set: u32, preferred: u32, mask: u32| {
        let body = words(&[m.queue, a, set, preferred, 0, 0, 0, 0, mask, 0]);
        let reply = m.send(56, &body);
        assert_eq!(reply.len(), 16);
        (word(&reply, 8), long(&reply, 0))
    };
    m.wait_for(1);
    assert_eq!(update(&mut m, 1, 0, 2), (0, 0), "it is there already");
    assert_eq!(update(&mut m, 0, 0, 1), (0, 0), "nothing moves");
    assert_eq!(update(&mut m, 2, 0, 2).0, PENDING);
    assert_eq!(m.residency(&[a]), [2]);
    assert_eq!(m.video_memory(LOCAL)[1], 0);
    assert_eq!(m.video_memory(NON_LOCAL)[1], 8 * MIB);
    let (status, value) = update(&mut m, 3, 1, 6);
    assert_eq!(status, PENDING);
    m.wait_for(value);
    assert_eq!(m.residency(&[a]), [1]);
    // What has no place has nothing to be moved.
    assert_eq!(m.evict(0, &[a]), Some(0));
    assert_eq!(update(&mut m, 2, 0, 2), (0, 0));
    for (set, preferred, mask) in [(0, 0, 2), (4, 0, 2), (0, 3, 4), (0, 1 << 31, 4), (0, 0, 8)] {
        assert_eq!(update(&mut m, set, preferred, mask).0, INVALID_PARAMETER);
    }
    m.guest.assert_clean();
}

#[test]
fn lists_that_no_guest_sends() {
    let mut m = MemoryGuest::new(Config::default());
    for number in [11, 12, 57, 58] {
        for count in [0, 10_241] {
            let before = m.guest.violations().len();
            let body = words(&[m.device, m.queue, count, count, 0, 0, 0]);
            m.send(number, &body);
            assert_eq!(m.guest.violations().len(), before + 1, "{number}");
        }
    }
    // Names that only users could have made up are no fault.
    let before = m.guest.violations().len();
    assert_eq!(m.make_resident(0, &[0x1234]).0, INVALID_PARAMETER);
    assert_eq!(m.evict(0, &[m.device]), None);
    assert_eq!(m.guest.violations().len(), before);
    m.queue = 0x5540;
    assert_eq!(m.make_resident(0, &[0x1234]).0, INVALID_HANDLE);
    assert_eq!(m.guest.violations().len(), before + 1);
}
