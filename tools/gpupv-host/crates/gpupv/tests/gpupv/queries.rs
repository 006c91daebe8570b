// SPDX-License-Identifier: GPL-2.0
//! Answers to QUERYADAPTERINFO, QUERYVIDEOMEMORYINFO and ISFEATUREENABLED.

use gpupv::{private_blob, AdapterDescription, Config};

use crate::guest::{long, text, word, words, Guest};

const INVALID_PARAMETER: u32 = 0xC000_000D;
const BUFFER_TOO_SMALL: u32 = 0xC000_0023;

/// A guest with one adapter as described, and a process.
fn guest(adapter: &str) -> (Guest, u32) {
    let config = Config {
        adapters: vec![adapter.parse().unwrap()],
        first_slot: 5,
        ..Config::default()
    };
    let mut guest = Guest::started(config);
    let process = guest.create_process(1, "query");
    (guest, process)
}

fn ok(guest: &mut Guest, process: u32, kind: u32, input: &[u8]) -> Vec<u8> {
    let (status, data) = guest.query(0, process, kind, input);
    assert_eq!(status, 0, "type {kind}");
    data
}

#[test]
fn answers_follow_the_description() {
    let (mut guest, process) = guest(
        "name=Test One,vendor=1002,device=73df,revision=c5,memory=12G,shared=3G,\
         driver=1.22.333.4444,wddm=2700",
    );
    let guest = &mut guest;
    let sizes = ok(guest, process, 3, &[0; 24]);
    assert_eq!(
        (long(&sizes, 0), long(&sizes, 8), long(&sizes, 16)),
        (12 << 30, 0, 3 << 30)
    );
    for kind in [6, 53] {
        assert_eq!(ok(guest, process, kind, &[9; 12]), words(&[0, 5, 0]));
    }
    for kind in [8, 54] {
        let names = ok(guest, process, kind, &[0xFF; 2080]);
        assert_eq!(text(&names[..520]), "Test One");
        assert_eq!(text(&names[520..1040]), "Revision c5");
        assert_eq!(text(&names[1040..1560]), "None");
        assert_eq!(text(&names[1560..]), "1002:73df");
    }
    for kind in [13, 56] {
        assert_eq!(ok(guest, process, kind, &[0; 4]), words(&[2700]));
    }
    assert_eq!(ok(guest, process, 30, &[0; 4]), words(&[1]));
    let mut ids = [0; 28];
    ids[4..].fill(0xEE);
    assert_eq!(
        ok(guest, process, 31, &ids),
        words(&[0, 0x1002, 0x73DF, 0x1002, 0x73DF, 0xC5, 5])
    );
    let version = ok(guest, process, 49, &[0; 8]);
    assert_eq!(long(&version, 0), 0x0001_0016_014D_115C);
    guest.assert_clean();
}

#[test]
fn adapter_types_tell_kinds_apart() {
    for (adapter, bits) in [
        ("kind=render,memory=1G", 0x011),
        ("kind=render,memory=0", 0x021),
        ("kind=compute-only", 0x821),
        ("kind=compute-only,memory=1G", 0x811),
    ] {
        let (mut guest, process) = guest(adapter);
        for kind in [15, 57] {
            // The bits that the guest's driver sets by itself stay clear.
            assert_eq!(ok(&mut guest, process, kind, &[0xFF; 4]), words(&[bits]));
        }
    }
}

#[test]
fn each_engine_has_its_metadata() {
    let (mut guest, process) = guest("engines=3d+compute:2+copy+decode+encode");
    let expected = [
        (1, "3D"),
        (0, "Compute"),
        (0, "Compute"),
        (6, "Copy"),
        (2, "Video Decode"),
        (3, "Video Encode"),
    ];
    let mut input = [0xDD; 80];
    for (node, (number, name)) in (0u32..).zip(expected) {
        input[..4].copy_from_slice(&node.to_le_bytes());
        let data = ok(&mut guest, process, 25, &input);
        assert_eq!(word(&data, 0), node);
        assert_eq!(word(&data, 4), number);
        assert_eq!(text(&data[8..72]), name);
        assert_eq!(&data[72..], [0, 0, 0, 0, 1, 0, 0, 0]);
    }
    for beyond in [6u32, 0xFFFF, 1 << 16] {
        input[..4].copy_from_slice(&beyond.to_le_bytes());
        let (status, _) = guest.query(0, process, 25, &input);
        assert_eq!(status, INVALID_PARAMETER, "{beyond:#x}");
    }
    guest.assert_clean();
}

#[test]
fn the_driver_blob_follows_the_description() {
    let (mut guest, process) = guest("kind=compute-only,memory=2M,shared=8K,engines=copy:3");
    let blob = ok(&mut guest, process, 0, &[0xAA; 100]);
    assert_eq!(&blob[..4], b"GPVS");
    let expected = [64, 1, 1, 0x1414, 0x7C20, 0, 3];
    assert_eq!(blob[4..32], words(&expected));
    assert_eq!((long(&blob, 32), long(&blob, 40)), (2 << 20, 8 << 10));
    assert_eq!(long(&blob, 48), 0x0020_0000_0064_013A);
    assert_eq!(long(&blob, 56), 0);
    assert_eq!(blob[64..], [0xAA; 36], "what is left stays");
    assert_eq!(private_blob(&AdapterDescription::render()).len(), 64);
    let (status, _) = guest.query(0, process, 0, &[0; 63]);
    assert_eq!(status, BUFFER_TOO_SMALL);
}

#[test]
fn sizes_are_checked_and_unknown_types_refused() {
    let (mut guest, process) = guest("");
    for (kind, size) in [
        (3, 24),
        (6, 12),
        (8, 2080),
        (13, 4),
        (15, 4),
        (25, 80),
        (30, 4),
        (31, 28),
        (49, 8),
        (57, 4),
    ] {
        for (len, expected) in [
            (size - 1, BUFFER_TOO_SMALL),
            (size, 0),
            (size + 1, INVALID_PARAMETER),
            (1, BUFFER_TOO_SMALL),
            (131_017, INVALID_PARAMETER),
        ] {
            let (status, _) = guest.query(0, process, kind, &vec![0; len]);
            assert_eq!(status, expected, "type {kind}, {len} bytes");
        }
    }
    for unknown in [1, 14, 77, 1000, u32::MAX] {
        let (status, data) = guest.query(0, process, unknown, &[7; 9]);
        assert_eq!((status, data), (INVALID_PARAMETER, vec![0; 9]));
    }
    let (status, _) = guest.query(0, process, 31, &[1; 28]);
    assert_eq!(status, INVALID_PARAMETER, "physical adapter");
    // Users may ask anything, so none of this is the driver's fault.
    guest.assert_clean();
}

#[test]
fn budgets_come_from_the_memory() {
    for (adapter, local, other) in [
        ("memory=16G,shared=8G", 15 << 30, (15 << 30) / 2),
        ("memory=0,shared=8G", (15 << 30) / 2, 0),
    ] {
        let (mut guest, process) = guest(adapter);
        let handle = guest.adapters[0];
        for (group, expected) in [(0, local), (1, other)] {
            let reply = guest.vgpu(0, 21, process, &words(&[handle, group, 0, 0]));
            let fields = [0, 8, 16, 24].map(|at| long(&reply, at));
            assert_eq!(fields, [expected, 0, 0, expected / 2]);
        }
        // The user's mistakes: the reply has no status, so it is too short.
        for (group, physical) in [(2, 0), (u32::MAX, 0), (0, 1)] {
            let reply = guest.vgpu(0, 21, process, &words(&[handle, group, physical]));
            assert_eq!(reply.len(), 0);
        }
        guest.assert_clean();
        // The driver's.
        let reply = guest.vgpu(0, 21, process, &words(&[handle + 64, 0, 0]));
        assert_eq!((reply.len(), guest.violations().len()), (0, 1));
    }
}

#[test]
fn features() {
    for (adapter, enabled) in [("hwsch=on", 1), ("hwsch=off", 0)] {
        let (mut guest, _) = guest(adapter);
        let reply = guest.vgpu(0, 68, 0, &words(&[0]));
        assert_eq!(reply.len(), 16);
        assert_eq!(word(&reply, 0), 0);
        let result = word(&reply, 12) & 0xFFFF;
        let version = word(&reply, 8) >> 16;
        assert_eq!((result & 1, version), (enabled, enabled));
        assert_eq!(result & 2, 2, "known");
        for known in [32, 33] {
            let reply = guest.vgpu(0, 68, 0, &words(&[known, 0]));
            assert_eq!(word(&reply, 12) & 0xFFFF, 2, "known and off");
            assert_eq!(guest.global(1022, 0, &words(&[known])), reply);
        }
        for unknown in [1, 34, u32::MAX] {
            assert_eq!(guest.vgpu(0, 68, 0, &words(&[unknown])), [0; 16]);
            assert_eq!(guest.global(1022, 0, &words(&[unknown])), [0; 16]);
        }
        // Without an adapter there is no hardware that could schedule.
        let reply = guest.global(1022, 0, &words(&[0]));
        assert_eq!(word(&reply, 12) & 0xFFFF, 2);
        guest.assert_clean();
    }
}
