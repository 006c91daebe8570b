// SPDX-License-Identifier: GPL-2.0
//! Devices: made, asked, given up, destroyed.

use gpupv::Config;

use crate::guest::{long, word, words, Guest};

const INVALID_HANDLE: u32 = 0xC000_0008;
const INVALID_PARAMETER: u32 = 0xC000_000D;
const COOKIE: u64 = 0x1234_5678_9ABC_DEF0;

fn started() -> (Guest, u32) {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    (guest, process)
}

fn state(guest: &mut Guest, process: u32, device: u32, kind: u32) -> (u32, Vec<u8>) {
    let mut body = words(&[device, kind]);
    body.extend([0xEE; 48]);
    let reply = guest.vgpu(0, 28, process, &body);
    assert_eq!(reply.len(), 64);
    (word(&reply, 56), reply)
}

#[test]
fn made_and_destroyed() {
    let (mut guest, process) = started();
    let device = guest.create_device(0, process, COOKIE);
    let other = guest.create_device(1, process, COOKIE);
    assert_ne!(device, other);
    let left = &guest.host.report().processes_left[0].objects;
    assert_eq!(left["device"], 2);
    // Without the padding at the end.
    assert_eq!(word(&guest.vgpu(0, 1, process, &words(&[device])), 0), 0);
    let again = guest.vgpu(0, 1, process, &words(&[device, 0]));
    assert_eq!(word(&again, 0), INVALID_PARAMETER, "gone before: no fault");
    guest.assert_clean();
    // Another adapter's device, and one that never was.
    for wrong in [other, 0x7FC0] {
        let reply = guest.vgpu(0, 1, process, &words(&[wrong, 0]));
        assert_eq!(word(&reply, 0), INVALID_HANDLE);
    }
    assert_eq!(guest.violations().len(), 2);
}

#[test]
fn flags_without_meaning_are_refused() {
    let (mut guest, process) = started();
    let mut body = words(&[0x10, 0]);
    body.extend([0; 8]);
    assert_eq!(guest.vgpu(0, 0, process, &body), words(&[0]), "no handle");
    guest.assert_clean();
    let mut body = words(&[0, 1]);
    body.extend([0; 8]);
    assert_eq!(guest.vgpu(0, 0, process, &body), words(&[0]));
    assert_eq!(guest.violations(), ["CREATEDEVICE: display device 1"]);
}

#[test]
fn the_state_of_each_kind() {
    let (mut guest, process) = started();
    let device = guest.create_device(0, process, COOKIE);
    for kind in 1..=6 {
        let (status, reply) = state(&mut guest, process, device, kind);
        assert_eq!(
            (status, word(&reply, 0), word(&reply, 4)),
            (0, device, kind)
        );
        let expected = u32::from(kind == 1);
        assert_eq!(word(&reply, 8), expected, "kind {kind}");
        assert_eq!(reply[12..56], [0; 44]);
    }
    for kind in [0, 7, u32::MAX] {
        let (status, _) = state(&mut guest, process, device, kind);
        assert_eq!(status, INVALID_PARAMETER);
    }
    guest.assert_clean();
}

#[test]
fn a_device_that_is_given_up_is_news_once() {
    let (mut guest, process) = started();
    let device = guest.create_device(0, process, COOKIE);
    let wrong = guest.vgpu(0, 29, process, &words(&[device, 1]));
    assert_eq!(word(&wrong, 0), INVALID_PARAMETER);
    assert!(guest.global.unasked().is_empty());
    for news in [1, 0] {
        let mark = words(&[device, 0x8000_0006]);
        assert_eq!(word(&guest.vgpu(0, 29, process, &mark), 0), 0);
        let sent = guest.global.unasked();
        assert_eq!(sent.len(), news);
        for message in sent {
            assert_eq!(message.len(), 48);
            assert_eq!((word(&message, 12), word(&message, 16)), (2, 2));
            assert_eq!(long(&message, 24), COOKIE);
            assert_eq!((word(&message, 32), word(&message, 40)), (1, 0));
        }
        let (_, reply) = state(&mut guest, process, device, 1);
        assert_eq!(word(&reply, 8), 2, "reset");
    }
    guest.assert_clean();
}
