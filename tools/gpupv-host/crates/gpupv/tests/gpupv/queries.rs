// SPDX-License-Identifier: GPL-2.0
//! Answers to QUERYADAPTERINFO, QUERYVIDEOMEMORYINFO and ISFEATUREENABLED.

use gpupv::{private_blob, AdapterDescription, Config};

use crate::guest::{long, text, word, words, Guest};
use crate::layout::table;

const INVALID_PARAMETER: u32 = 0xC000_000D;
const BUFFER_TOO_SMALL: u32 = 0xC000_0023;
const OBJECT_TYPE_MISMATCH: u32 = 0xC000_0024;
const OBJECT_NAME_NOT_FOUND: u32 = 0xC000_0034;

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
    let mut input = [0xDD; 78];
    for (node, (number, name)) in (0u32..).zip(expected) {
        input[..4].copy_from_slice(&node.to_le_bytes());
        let data = ok(&mut guest, process, 25, &input);
        assert_eq!(word(&data, 0), node);
        assert_eq!(word(&data, 4), number);
        assert_eq!(text(&data[8..72]), name);
        // The hardware schedules, and command buffers for tests can be had.
        assert_eq!(&data[72..], [0x11, 0, 0, 0, 1, 0]);
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

/// The types of the specification, each with its size: adapter queries that have one.
fn specified_types() -> Vec<(u32, usize)> {
    let number = |text: &str| text.parse().unwrap();
    table("query-types.csv")
        .iter()
        .filter(|line| line[0] == "adapter" && !line[4].is_empty())
        .map(|line| (number(&line[1]), number(&line[4]) as usize))
        .collect()
}

/// An input that every type takes, if it is large enough.
fn input(kind: u32, len: usize) -> Vec<u8> {
    let mut data = vec![0; len];
    // A path, which needs no name.
    if let (48, Some(byte)) = (kind, data.first_mut()) {
        *byte = 2;
    }
    data
}

#[test]
fn every_type_of_the_specification_is_answered_at_its_size() {
    let types = specified_types();
    assert!(types.len() > 40, "{}", types.len());
    for adapter in ["", "kind=compute-only"] {
        let (mut guest, process) = guest(adapter);
        for &(kind, size) in &types {
            // As Windows: not "too small".
            for len in [1, size - 1]
                .into_iter()
                .filter(|&len| len > 0 && len < size)
            {
                let (status, data) = guest.query(0, process, kind, &input(kind, len));
                assert_eq!(status, INVALID_PARAMETER, "type {kind}, {len} bytes");
                assert_eq!(data, vec![0; len], "nothing of the answer");
            }
            let exact = ok(&mut guest, process, kind, &input(kind, size));
            // What is behind the answer stays; a registry query has its output there.
            for more in [1, 100, 131_016 - size] {
                let mut long = input(kind, size + more);
                long[size..].fill(0xA7);
                let data = ok(&mut guest, process, kind, &long);
                if kind != 48 {
                    assert_eq!(data[..size], exact, "type {kind}, {more} bytes more");
                    assert!(data[size..].iter().all(|&byte| byte == 0xA7));
                }
            }
        }
        // Users may ask anything, so none of this is the driver's fault.
        guest.assert_clean();
    }
}

#[test]
fn types_that_are_not_specified_are_refused() {
    let (mut guest, process) = guest("");
    let known: Vec<u32> = specified_types().iter().map(|&(kind, _)| kind).collect();
    for unknown in (1..90).chain([1000, u32::MAX]) {
        if !known.contains(&unknown) {
            let (status, data) = guest.query(0, process, unknown, &[7; 9]);
            assert_eq!((status, data), (INVALID_PARAMETER, vec![0; 9]), "{unknown}");
        }
    }
    guest.assert_clean();
}

#[test]
fn only_the_first_physical_adapter_is_there() {
    let (mut guest, process) = guest("");
    for (kind, size, at) in [
        (31, 28, 0),
        (34, 12, 0),
        (42, 56, 0),
        (48, 552, 532),
        (61, 56, 4),
        (62, 64, 0),
        (63, 40, 0),
        (64, 132, 0),
    ] {
        let mut data = input(kind, size);
        data[at] = 1;
        let (status, _) = guest.query(0, process, kind, &data);
        assert_eq!(status, INVALID_PARAMETER, "type {kind}");
    }
    guest.assert_clean();
}

#[test]
fn names_versions_and_guids_follow_the_description() {
    let (mut guest, process) = guest(
        "name=N,description=Driver of N,driver=31.0.15.5222,umd=libumd.so,package=p.inf_amd64_1,\
         instance=01234567-89ab-cdef-0123-456789abcdef",
    );
    let guest = &mut guest;
    for kind in [65, 66] {
        let data = ok(guest, process, kind, &[0xEE; 8192]);
        assert_eq!(text(&data), "Driver of N");
        assert!(data[2 * "Driver of N".len()..]
            .iter()
            .all(|&byte| byte == 0));
    }
    for kind in [18, 49] {
        assert_eq!(
            long(&ok(guest, process, kind, &[0; 8]), 0),
            0x001F_0000_000F_1466
        );
    }
    for version in 0..4 {
        let mut name = vec![0xEE; 524];
        name[..4].copy_from_slice(&words(&[version]));
        let data = ok(guest, process, 1, &name);
        assert_eq!(word(&data, 0), version);
        assert_eq!(
            text(&data[4..]),
            "/usr/lib/wsl/drivers/p.inf_amd64_1/libumd.so"
        );
    }
    let mut name = vec![0; 524];
    name[0] = 4;
    assert_eq!(guest.query(0, process, 1, &name).0, INVALID_PARAMETER);
    for kind in [4, 52] {
        let guid = ok(guest, process, kind, &[0; 16]);
        assert_eq!((word(&guid, 0), word(&guid, 4)), (0x0123_4567, 0xCDEF_89AB));
        assert_eq!(guid[8..], [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF]);
    }
    let guid = ok(guest, process, 60, &[0xEE; 80]);
    assert_eq!(text(&guid), "{01234567-89AB-CDEF-0123-456789ABCDEF}");
    for kind in [11, 55] {
        assert_eq!(ok(guest, process, kind, &[0xFF; 4]), words(&[0]));
    }
    guest.assert_clean();
}

#[test]
fn an_adapter_may_have_no_driver_for_programs() {
    let (mut guest, process) = guest("umd=");
    assert_eq!(
        guest.query(0, process, 1, &[0; 524]).0,
        OBJECT_NAME_NOT_FOUND
    );
    let name = registry(1, 7, 0, "UserModeDriverName", 600);
    assert_eq!(guest.query(0, process, 48, &name).0, OBJECT_NAME_NOT_FOUND);
}

#[test]
fn capabilities_follow_the_description() {
    for (adapter, expected) in [
        (
            "kind=render",
            // WDDM 1.2 (three words), 1.3, 2.0, driver, 2.7, 2.9, cross adapter, 3.0, 3.1
            [100, 200, 4, 4, 0x22, 0, 7, 6, 0, 0, 0],
        ),
        ("kind=compute-only", [0, 200, 4, 2, 0x22, 0, 0, 0, 0, 0, 0]),
    ] {
        let (mut guest, process) = guest(adapter);
        let guest = &mut guest;
        let mut found = Vec::new();
        for (kind, size) in [
            (17, 12),
            (22, 4),
            (24, 4),
            (32, 4),
            (70, 4),
            (75, 4),
            (76, 4),
            (77, 4),
            (80, 4),
        ] {
            found.extend(ok(guest, process, kind, &vec![0xFF; size]));
        }
        assert_eq!(found, words(&expected), "{adapter}");
        assert_eq!(
            ok(guest, process, 58, &[0; 12]),
            ok(guest, process, 17, &[0; 12])
        );
        assert_eq!(
            ok(guest, process, 59, &[0; 4]),
            ok(guest, process, 22, &[0; 4])
        );
        // Pages for reading only, coherent caches, 48 bits.
        assert_eq!(ok(guest, process, 34, &[0; 12]), words(&[0, 5, 48]));
        assert_eq!(ok(guest, process, 68, &[9]), [0]);
    }
    let (mut secure, process) = guest("secure=on");
    assert_eq!(ok(&mut secure, process, 68, &[9]), [1]);
}

#[test]
fn memory_by_group_and_clocks_follow_the_description() {
    let (mut render, process) =
        guest("memory=16G,shared=8G,clock=2100,memory-clock=9000,temperature=61");
    let longs = |data: &[u8], count: usize| -> Vec<u64> {
        (0..count).map(|n| long(data, 8 + 8 * n)).collect()
    };
    let data = ok(&mut render, process, 42, &[0; 56]);
    assert_eq!(
        longs(&data, 6),
        [16 << 30, 0, 8 << 30, 16 << 30, 8 << 30, 0]
    );
    let mut node = vec![0; 56];
    node[0] = 3;
    let data = ok(&mut render, process, 61, &node);
    assert_eq!((word(&data, 0), word(&data, 4)), (3, 0));
    assert_eq!(longs(&data, 3), [2_100_000_000; 3]);
    node[0] = 4;
    assert_eq!(render.query(0, process, 61, &node).0, INVALID_PARAMETER);
    let data = ok(&mut render, process, 62, &[0; 64]);
    assert_eq!(longs(&data, 3), [9_000_000_000; 3]);
    assert_eq!(word(&data, 56), 610, "tenths of a degree");
    let data = ok(&mut render, process, 63, &[0; 40]);
    assert_eq!((word(&data, 28), word(&data, 32)), (1050, 900));
    let data = ok(&mut render, process, 64, &[0; 132]);
    assert_eq!(text(&data[4..68]), "Revision 02");
    assert_eq!(text(&data[68..]), "GPU-PV Software GPU");

    let (mut shared, process) = guest("kind=compute-only,shared=3G");
    let data = ok(&mut shared, process, 42, &[0; 56]);
    assert_eq!(longs(&data, 6), [0, 0, 3 << 30, 3 << 30, 0, 0]);
    let data = ok(&mut shared, process, 63, &[0; 40]);
    assert_eq!((word(&data, 28), word(&data, 32)), (0, 0), "no sensor");
}

/// A query of the registry: key or path, type, flags, name, and the bytes of the buffer.
fn registry(what: u32, kind: u32, flags: u32, name: &str, len: usize) -> Vec<u8> {
    let mut data = words(&[what, flags]);
    data.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
    data.resize(528, 0);
    data.extend(words(&[kind, 0, 0xDEAD, 0xDEAD]));
    data.resize(len, 0xA7);
    data
}

/// Size, inner status and output.
fn registry_output(data: &[u8]) -> (u32, u32, &[u8]) {
    (word(data, 536), word(data, 540), &data[544..])
}

const SZ: u32 = 1;
const BINARY: u32 = 3;
const DWORD: u32 = 4;
const MULTI_SZ: u32 = 7;
const QWORD: u32 = 11;

#[test]
fn registry_values_and_paths_are_read() {
    let (mut guest, process) = guest(
        "package=x.inf_amd64_2,umd=u.so,memory=6G,driver=1.2.3.4,\
         registry=adapter:Five:dword:5+service:Long:qword:12345678901+adapter:Word:text:a b\
         +adapter:Raw:binary:0aFF+adapter:Elsewhere:text:C:\\windows\\a.dll\
         +adapter:InStore:text:c:\\Windows\\system32\\DriverStore\\FileRepository\\q\\a.dll",
    );
    let mut ask = |what, kind, flags, name: &str| -> Vec<u8> {
        let data = ok(
            &mut guest,
            process,
            48,
            &registry(what, kind, flags, name, 2000),
        );
        assert_eq!(word(&data, 528), kind, "the input stays");
        let (size, status, output) = registry_output(&data);
        assert_eq!(status, 0, "{name}");
        assert!(output[size as usize..].iter().all(|&byte| byte == 0xA7));
        output[..size as usize].to_vec()
    };
    assert_eq!(ask(1, DWORD, 0, "Five"), words(&[5]));
    assert_eq!(
        ask(1, DWORD, 0, "fIVE"),
        words(&[5]),
        "case does not matter"
    );
    assert_eq!(ask(0, QWORD, 0, "Long"), 12_345_678_901u64.to_le_bytes());
    assert_eq!(ask(1, BINARY, 0, "Raw"), [0x0A, 0xFF]);
    assert_eq!(
        ask(1, QWORD, 0, "HardwareInformation.qwMemorySize"),
        (6u64 << 30).to_le_bytes()
    );
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    assert_eq!(ask(1, SZ, 0, "Word"), utf16("a b\0"));
    assert_eq!(ask(1, SZ, 0, "DriverVersion"), utf16("1.2.3.4\0"));
    // Paths, with and without translation.
    let host = r"C:\WINDOWS\System32\DriverStore\FileRepository\x.inf_amd64_2\u.so";
    let guest_path = "/usr/lib/wsl/drivers/x.inf_amd64_2/u.so";
    for (flags, path) in [(0, host), (1, guest_path)] {
        let all = format!("{}\0", format!("{path}\0").repeat(4));
        assert_eq!(ask(1, MULTI_SZ, flags, "UserModeDriverName"), utf16(&all));
    }
    assert_eq!(
        ask(1, SZ, 1, "InStore"),
        utf16("/usr/lib/wsl/drivers/q/a.dll\0")
    );
    assert_eq!(ask(1, SZ, 1, "Elsewhere"), utf16("C:\\windows\\a.dll\0"));
    assert_eq!(
        ask(2, 0, 0, "ignored"),
        utf16("/usr/lib/wsl/drivers/x.inf_amd64_2\0")
    );
    assert_eq!(
        ask(3, 0, 0, ""),
        utf16("/usr/lib/wsl/drivers/x.inf_amd64_2/x.sys\0")
    );
    guest.assert_clean();
}

#[test]
fn registry_outputs_without_room_are_a_success() {
    let (mut guest, process) = guest("registry=adapter:Nine:binary:010203040506070809");
    for len in [552, 553, 600] {
        let asked = registry(1, BINARY, 0, "Nine", len);
        let data = ok(&mut guest, process, 48, &asked);
        let (size, status, output) = registry_output(&data);
        assert_eq!(size, 9);
        if len < 553 {
            assert_eq!((status, output), (1, &[0xA7; 8][..]), "only the size");
        } else {
            assert_eq!(
                (status, &output[..9]),
                (0, &[1, 2, 3, 4, 5, 6, 7, 8, 9][..])
            );
        }
    }
    guest.assert_clean();
}

#[test]
fn registry_queries_that_fail() {
    let (mut guest, process) = guest("registry=service:There:dword:1");
    for (asked, expected) in [
        (registry(0, DWORD, 0, "There", 552), 0),
        (registry(0, DWORD, 0, "There", 551), INVALID_PARAMETER),
        // In another key, of another type, or not at all.
        (registry(1, DWORD, 0, "There", 552), OBJECT_NAME_NOT_FOUND),
        (registry(0, SZ, 0, "There", 552), OBJECT_TYPE_MISMATCH),
        (registry(0, 0, 0, "There", 552), OBJECT_TYPE_MISMATCH),
        (
            registry(0, DWORD, 0, "NotThere", 552),
            OBJECT_NAME_NOT_FOUND,
        ),
        (registry(0, DWORD, 0, "", 552), OBJECT_NAME_NOT_FOUND),
        // Paths have no type and are always translated.
        (registry(2, SZ, 0, "", 900), INVALID_PARAMETER),
        (registry(2, 0, 1, "", 900), INVALID_PARAMETER),
        (registry(3, 0, 1, "", 900), INVALID_PARAMETER),
        (registry(4, 0, 0, "", 900), INVALID_PARAMETER),
    ] {
        let (status, _) = guest.query(0, process, 48, &asked);
        assert_eq!(status, expected, "{:?}", &asked[..8]);
    }
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
