// SPDX-License-Identifier: GPL-2.0
//! Allocations and resources: made, opened, destroyed.

use gpupv::Config;

use crate::guest::{long, word, words};
use crate::memory_guest::*;

fn started() -> MemoryGuest {
    MemoryGuest::new(Config::default())
}

#[test]
fn made_as_the_driver_data_say() {
    let mut m = started();
    let datas = [local(5000), not_local(1 << 20), Vec::new(), vec![9; 7]];
    let (resource, made) = m.create(0, 0, &datas);
    assert_eq!(resource, 0);
    let sizes: Vec<u64> = made.iter().map(|made| made.size).collect();
    assert_eq!(sizes, [8192, 1 << 20, 4096, 4096]);
    let cached: Vec<bool> = made.iter().map(|m| m.flags & (1 << 19) != 0).collect();
    assert_eq!(cached, [false, true, false, false]);
    // Size and number are filled in; what the host does not understand comes back.
    assert_eq!(long(&made[0].data, 16), 8192);
    assert_ne!(long(&made[0].data, 24), long(&made[1].data, 24));
    assert_eq!(made[3].data, [9; 7]);
    assert_eq!(m.left("allocation"), 4);
    let handles: Vec<u32> = made.iter().map(|made| made.handle).collect();
    assert_eq!(m.destroy(0, &handles), 0);
    assert_eq!(m.left("allocation"), 0);
    assert_eq!(
        m.destroy(0, &handles),
        INVALID_PARAMETER,
        "all of them gone"
    );
    m.guest.assert_clean();
}

#[test]
fn driver_data_that_make_no_sense() {
    let mut m = started();
    let good = local(4096);
    for (at, value) in [(4, 31), (8, 2), (12, 8), (16, 0)] {
        let mut bad = good.clone();
        bad[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        assert!(m.create_raw(0, 0, &[bad]).is_empty(), "word at {at}");
    }
    assert!(m.create_raw(0, 0, &[good[..20].to_vec()]).is_empty());
    assert!(m.create_raw(0, 0, &[local(u64::MAX)]).is_empty());
    // More than the adapter has, in one of two.
    assert!(m.create_raw(0, 0, &[good, local(1 << 40)]).is_empty());
    assert!(m.create_raw(0, 1 << 20, &[local(1)]).is_empty(), "flags");
    assert_eq!(m.left("allocation"), 0);
    m.guest.assert_clean();
}

#[test]
fn resources_go_with_all_they_have() {
    let mut m = started();
    let (resource, first) = m.create(0, CREATE_RESOURCE, &[local(1), local(2)]);
    assert_ne!(resource, 0);
    let (_, more) = m.create(resource, 0, &[local(3)]);
    assert_eq!((m.left("resource"), m.left("allocation")), (1, 3));
    // One of them alone, then the rest.
    assert_eq!(m.destroy(0, &[first[1].handle]), 0);
    assert_eq!(m.destroy(resource, &[]), 0);
    assert_eq!((m.left("resource"), m.left("allocation")), (0, 0));
    assert_eq!(m.destroy(resource, &[]), INVALID_PARAMETER);
    assert_eq!(m.destroy(0, &[more[0].handle]), INVALID_PARAMETER);
    assert!(m.create_raw(resource, 0, &[local(1)]).is_empty(), "stale");
    m.guest.assert_clean();
    assert!(m.create_raw(0x8000, 0, &[local(1)]).is_empty(), "never");
    assert_eq!(m.guest.violations().len(), 1);
}

#[test]
fn a_creation_that_the_guest_gives_up() {
    let mut m = started();
    let (resource, made) = m.create(0, CREATE_RESOURCE, &[local(1), local(1)]);
    let handles = [made[0].handle, made[1].handle];
    assert_eq!(m.destroy(resource, &handles), 0);
    assert_eq!(m.left("resource"), 0, "it never had others");
    let (resource, _) = m.create(0, CREATE_RESOURCE, &[local(1)]);
    let (_, more) = m.create(resource, 0, &[local(1)]);
    assert_eq!(m.destroy(resource, &[more[0].handle]), 0);
    assert_eq!((m.left("resource"), m.left("allocation")), (1, 1));
    m.guest.assert_clean();
}

#[test]
fn a_shared_creation_that_the_guest_gives_up() {
    let mut m = started();
    let undo = |m: &mut MemoryGuest, resource: u32, handles: &[u32]| {
        let mut body = words(&[m.device, resource, handles.len() as u32, 1]);
        body.extend(words(handles));
        word(&m.send(5, &body), 0)
    };
    let handles = |made: &[Made]| [made[0].handle, made[1].handle];
    let (resource, made) = m.create(0, SHARED_RESOURCE, &[local(1), local(1)]);
    assert_eq!(undo(&mut m, resource, &handles(&made)), 0);
    assert_eq!((m.left("resource"), m.left("allocation")), (0, 0));
    // The resource goes even if it was not all of the list.
    let (resource, made) = m.create(0, SHARED_RESOURCE, &[local(1), local(1)]);
    let queue = m.queue;
    let wrong = [made[0].handle, queue, made[1].handle];
    assert_eq!(undo(&mut m, resource, &wrong), INVALID_PARAMETER);
    assert_eq!((m.left("resource"), m.left("allocation")), (0, 0));
    // Others may have it already.
    let (resource, made) = m.create(0, SHARED_RESOURCE, &[local(1), local(1)]);
    let process = m.process;
    assert_ne!(
        word(&m.guest.global(1004, process, &words(&[resource])), 0),
        0
    );
    assert_eq!(undo(&mut m, resource, &handles(&made)), INVALID_PARAMETER);
    assert_eq!((m.left("resource"), m.left("allocation")), (1, 2));
    m.guest.assert_clean();
}

#[test]
fn destroying_does_what_it_can() {
    let mut m = started();
    let one = m.allocate(1);
    let two = m.allocate(1);
    assert_eq!(m.destroy(0, &[one, m.queue, two, one]), INVALID_PARAMETER);
    assert_eq!(m.left("allocation"), 0);
    assert_eq!(m.left("paging queue"), 1);
    // Another device's.
    let three = m.allocate(1);
    let device = m.device;
    m.device = m.guest.create_device(0, m.process, 1);
    assert_eq!(m.destroy(0, &[three]), INVALID_PARAMETER);
    m.guest.assert_clean();
    m.guest.vgpu(0, 1, m.process, &words(&[device]));
    assert_eq!(m.left("allocation"), 0, "gone with its device");
    let none = m.send(5, &words(&[m.device, 0, 0, 0]));
    assert_eq!(word(&none, 0), INVALID_PARAMETER);
    let many = m.send(5, &words(&[m.device, 0, 1025, 0]));
    assert_eq!(word(&many, 0), INVALID_PARAMETER);
    assert_eq!(m.guest.violations().len(), 2);
}

#[test]
fn what_every_guest_checks() {
    let mut m = started();
    let bad_flags = [
        CREATE_SHARED,
        CREATE_SHARED | CREATE_RESOURCE,
        1 << 3,
        1 << 17,
    ];
    for flags in bad_flags {
        assert!(m.create_raw(0, flags, &[local(1)]).is_empty());
    }
    assert!(m.create_raw(0, 0, &[]).is_empty());
    let mut body = words(&[m.device, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    body.extend(words(&[0, 100, 0]));
    assert!(m.send(4, &body).is_empty(), "data beyond the packet");
    m.device = 0x7000;
    assert!(m.create_raw(0, 0, &[local(1)]).is_empty());
    assert_eq!(m.guest.violations().len(), bad_flags.len() + 3);
}

#[test]
fn shared_resources_outlive_their_creator() {
    let mut m = started();
    let (resource, made) = m.create(0, SHARED_RESOURCE, &[local(1 << 16), local(1)]);
    assert_eq!(m.destroy(0, &[made[0].handle]), INVALID_PARAMETER, "shared");
    let create = m.process;
    let share = m.guest.global(1004, create, &words(&[resource]));
    let nt = word(&share, 0);
    assert_ne!(nt, 0);
    assert!(m.create_raw(resource, 0, &[local(1)]).is_empty(), "sealed");

    let process = m.guest.create_process(2, "b");
    let first = (m.process, m.device);
    let mut m = MemoryGuest::of_process(m.guest, process);
    let open = |m: &mut MemoryGuest, count: u32| {
        let body = words(&[m.device, 1, nt, count, 0]);
        m.send(32, &body)
    };
    let reply = open(&mut m, 2);
    assert_eq!((reply.len(), word(&reply, 4)), (16, 0));
    let opened = [word(&reply, 8), word(&reply, 12)];
    assert_eq!((m.left("resource"), m.left("allocation")), (1, 2));

    // The same memory: one more user does not need more room.
    let (status, value, _) = m.make_resident(0, &opened);
    assert_eq!(status, PENDING);
    m.wait_for(value);
    assert_eq!(m.guest.destroy_process(first.0), 0);
    assert_eq!(m.residency(&opened), [1, 1]);
    assert_eq!(m.destroy(word(&reply, 0), &[]), 0);
    let again = open(&mut m, 2);
    assert_eq!(word(&again, 4), 0, "the handle keeps it");
    m.guest.assert_clean();
    let wrong = open(&mut m, 1);
    assert_eq!((wrong.len(), word(&wrong, 4)), (12, INVALID_PARAMETER));
    assert_eq!(m.guest.violations().len(), 1);
    // Gone with the handle.
    assert_eq!(word(&m.guest.global(1005, 0, &words(&[nt])), 0), 0);
    assert_eq!(word(&open(&mut m, 2), 4), INVALID_PARAMETER);
    assert_eq!(m.guest.violations().len(), 1);
}

#[test]
fn standard_allocations() {
    let mut m = started();
    let ask = |m: &mut MemoryGuest, a: u32, b: u32| {
        let body = words(&[4, a, b, 0, 1 << 16, 1, 0, 7, 0, 0]);
        m.send(39, &body)
    };
    let sizes = ask(&mut m, 0, 0);
    assert_eq!((sizes.len(), word(&sizes, 0)), (36, 0));
    let (a, b) = (word(&sizes, 4), word(&sizes, 8));
    let data = ask(&mut m, a, b);
    assert_eq!(data.len() as u32, 36 + a + b);
    assert_eq!((word(&data, 0), word(&data, 4), word(&data, 8)), (0, a, b));
    assert_eq!(&data[36..40], b"GPVA");
    assert_eq!(long(&data, 52), 1 << 16);
    assert_eq!(word(&ask(&mut m, 1, b), 0), 0xC000_0023);

    let standard = |m: &mut MemoryGuest, kind: u32, flags: u32, heap: u64| {
        let mut body = words(&[m.device, 0, 0, 24, 1, flags | (1 << 16)]);
        body.extend([0; 16]);
        body.extend(words(&[0, 0, 0]));
        body.extend(words(&[kind, 0]));
        body.extend(heap.to_le_bytes());
        body.extend([0; 8]);
        m.send(4, &body)
    };
    let reply = standard(&mut m, 2, 0, 1 << 16);
    assert_eq!(made(&reply, 1).1[0].size, 1 << 16);
    let reply = standard(&mut m, 1, EXISTING_SYSMEM, 1 << 13);
    assert_eq!(made(&reply, 1).1[0].size, 1 << 13);
    m.guest.assert_clean();
    for (kind, flags, heap) in [
        (1, 0, 4096),
        (2, EXISTING_SYSMEM, 4096),
        (2, 0, 5),
        (3, 0, 4096),
    ] {
        assert!(standard(&mut m, kind, flags, heap).is_empty());
    }
    assert_eq!(m.guest.violations().len(), 4);
}

#[test]
fn what_the_guest_cannot_be_told_of_is_not_made() {
    let mut m = started();
    // The request fits into a packet, the answer only if the data are a byte shorter.
    let datas = |last: usize| {
        let mut datas = vec![vec![9; 55]; 1023];
        datas.push(vec![9; last]);
        datas
    };
    let most = 131_056 - 16 - 72 * 1024 - 55 * 1023;
    let (_, made) = m.create(0, 0, &datas(most));
    assert_eq!(made.len(), 1024);
    assert_eq!(m.left("allocation"), 1024);
    let reply = m.create_raw(0, CREATE_RESOURCE, &datas(most + 1));
    assert!(reply.is_empty());
    assert_eq!((m.left("resource"), m.left("allocation")), (0, 1024));
    // A user may ask for that.
    m.guest.assert_clean();
}
