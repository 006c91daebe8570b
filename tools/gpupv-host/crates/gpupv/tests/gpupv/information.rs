// SPDX-License-Identifier: GPL-2.0
//! Statistics, clocks, escapes, heap transitions.

use gpupv::Config;

use crate::guest::{long, text, word, words};
use crate::memory_guest::*;

const MIB: u64 = 1 << 20;
const NOT_SUPPORTED: u32 = 0xC000_00BB;

impl MemoryGuest {
    /// Status and result.
    pub fn statistics(&mut self, process: u32, kind: u32, id: u32) -> (u32, Vec<u8>) {
        let info = self.guest.vgpu(0, 36, 0, &[]);
        let mut body = words(&[kind, word(&info, 16), word(&info, 20), 0, 0, 0]);
        body.extend([0; 776]);
        body.extend(words(&[id, 0]));
        let reply = self.guest.vgpu(0, 48, process, &body);
        assert_eq!(reply.len(), 784);
        (word(&reply, 0), reply[8..].to_vec())
    }

    fn escape(&mut self, kind: u32, flags: u32, data: &[u8]) -> Vec<u8> {
        let adapter = self.guest.adapters[0];
        let mut body = words(&[adapter, self.device, kind, flags, data.len() as u32, 0]);
        body.extend(data);
        self.send(13, &body)
    }
}

#[test]
fn statistics_follow_what_there_is() {
    let mut m = MemoryGuest::new(config(64 * MIB, 32 * MIB));
    let process = m.process;
    let a = m.allocate(8 * MIB);
    m.allocate(MIB);
    assert_eq!(m.make_resident(0, &[a]).0, PENDING);

    let (status, adapter) = m.statistics(process, 0, 0);
    assert_eq!((status, word(&adapter, 0), word(&adapter, 4)), (0, 2, 4));
    assert_eq!((word(&adapter, 536), long(&adapter, 544)), (2, 9 * MIB));
    assert_eq!((word(&adapter, 552), long(&adapter, 560)), (0, 0));
    assert_eq!(word(&adapter, 336), 0, "no eviction");
    assert_eq!(long(&adapter, 712), 2, "segment groups");
    let (_, own) = m.statistics(process, 1, 0);
    assert_eq!((word(&own, 0), long(&own, 8)), (4, 9 * MIB));
    let (_, segment) = m.statistics(process, 3, 0);
    let sizes = [0, 8, 16].map(|at| long(&segment, at));
    assert_eq!(sizes, [64 * MIB, 9 * MIB, 8 * MIB]);
    let counts = [32, 36, 40].map(|at| word(&segment, at));
    assert_eq!(counts, [2, 1, 0]);
    // Memory of the adapter, local, seen by the CPU.
    assert_eq!(long(&segment, 104), (1 << 2) | (1 << 8));
    let (_, machine) = m.statistics(process, 3, 1);
    assert_eq!((long(&machine, 0), word(&machine, 40)), (32 * MIB, 1));
    assert_eq!(long(&machine, 104), 1 | (1 << 6) | (1 << 8));
    let (_, here) = m.statistics(process, 4, 0);
    assert_eq!((long(&here, 0), long(&here, 8)), (9 * MIB, 60 * MIB));
    assert_eq!((word(&here, 32), word(&here, 40)), (2, 1));
    let (_, group) = m.statistics(process, 9, 0);
    assert_eq!(
        [0, 8, 16].map(|at| long(&group, at)),
        [60 * MIB, 9 * MIB, 8 * MIB]
    );
    let (_, physical) = m.statistics(process, 10, 0);
    assert_eq!(text(&physical[172..236]), "GPU-PV Software GPU");

    // Another process is examined, and takes room from the first.
    let other = m.guest.create_process(2, "b");
    assert_eq!(long(&m.statistics(other, 1, 0).1, 8), 0);
    assert_eq!(m.evict(1, &[a]), Some(0));
    let big = m.allocate(60 * MIB);
    assert_eq!(m.make_resident(0, &[big]).0, PENDING);
    let (_, adapter) = m.statistics(other, 0, 0);
    assert_eq!((word(&adapter, 336), long(&adapter, 344)), (1, 8 * MIB));
    assert_eq!((word(&adapter, 536), long(&adapter, 544)), (3, 69 * MIB));
    assert_eq!(m.destroy(0, &[a]), 0);
    let (_, adapter) = m.statistics(other, 0, 0);
    assert_eq!((word(&adapter, 536), long(&adapter, 544)), (3, 69 * MIB));
    assert_eq!((word(&adapter, 552), long(&adapter, 560)), (1, 8 * MIB));
    m.guest.destroy_process(other);
    assert_eq!(m.statistics(other, 1, 0).0, INVALID_PARAMETER, "just ended");
    m.guest.assert_clean();
    assert_eq!(m.statistics(0x7770, 1, 0).0, INVALID_HANDLE);
    assert_eq!(m.guest.violations().len(), 1);
}

#[test]
fn what_is_not_there_has_no_statistics() {
    let mut m = MemoryGuest::new(Config::default());
    let process = m.process;
    for (kind, id) in [
        (5, 4),
        (6, 4),
        (3, 2),
        (4, 2),
        (7, 0),
        (8, 0),
        (9, 2),
        (10, 1),
        (20, 0),
        (u32::MAX, 0),
        // A second physical adapter, or a part that is not there.
        (11, 1),
        (12, 1),
        (12, 2 << 16),
        (13, 1),
        (14, 1),
        (14, 2 << 16),
        (15, 1),
        (15, 2 << 16),
        (16, 1),
        (16, 2 << 16),
        (17, 1),
        (17, 2 << 16),
        (18, 1),
        (18, 4 << 16),
        (19, 1),
        (19, 4 << 16),
    ] {
        assert_eq!(
            m.statistics(process, kind, id).0,
            INVALID_PARAMETER,
            "{kind} {id}"
        );
    }
    m.guest.assert_clean();
}

#[test]
fn every_type_of_the_specification_fills_its_structure_and_no_more() {
    let mut m = MemoryGuest::new(config(64 * MIB, 32 * MIB));
    let process = m.process;
    let a = m.allocate(8 * MIB);
    assert_eq!(m.make_resident(0, &[a]).0, PENDING);
    let mut checked = 0;
    for line in crate::layout::table("query-types.csv") {
        if line[0] != "statistics" {
            continue;
        }
        let (kind, size): (u32, usize) = (line[1].parse().unwrap(), line[4].parse().unwrap());
        let (status, result) = m.statistics(process, kind, 0);
        assert_eq!(status, 0, "type {kind}");
        assert!(result[size..].iter().all(|&byte| byte == 0), "type {kind}");
        // Nothing has run on an engine yet, but it has its clock.
        if !matches!(kind, 6 | 19) {
            assert!(result[..size].iter().any(|&byte| byte != 0), "type {kind}");
        }
        checked += 1;
    }
    assert_eq!(checked, 18);
    m.guest.assert_clean();
}

#[test]
fn newer_types_say_the_same_with_another_selector() {
    let mut m = MemoryGuest::new(config(64 * MIB, 32 * MIB));
    let process = m.process;
    let a = m.allocate(8 * MIB);
    assert_eq!(m.make_resident(0, &[a]).0, PENDING);
    for (old, new, part) in [
        (0, 11, 0),
        (2, 13, 0),
        (3, 12, 0),
        (3, 12, 1),
        (4, 14, 0),
        (4, 14, 1),
        (9, 15, 0),
        (9, 15, 1),
        (5, 18, 3),
        (6, 19, 3),
    ] {
        let expected = m.statistics(process, old, part);
        assert_eq!(m.statistics(process, new, part << 16), expected, "{new}");
    }
    for kind in [16, 17] {
        let (_, local) = m.statistics(process, kind, 0);
        let (_, other) = m.statistics(process, kind, 1 << 16);
        let longs = |bytes: &[u8]| [0, 8, 16, 24, 32].map(|at| long(bytes, at));
        assert_eq!(longs(&local), [8 * MIB, 56 * MIB, 0, 0, 0], "{kind}");
        assert_eq!(longs(&other), [0, 32 * MIB, 0, 0, 0], "{kind}");
    }
    m.guest.assert_clean();
}

#[test]
fn a_driver_before_wddm_3_1_has_no_newer_types() {
    let mut adapter: gpupv::AdapterDescription = "wddm=3000".parse().unwrap();
    for (wddm, expected) in [(3000, INVALID_PARAMETER), (3100, 0)] {
        adapter.wddm = wddm;
        let mut m = MemoryGuest::new(Config {
            adapters: vec![adapter.clone()],
            ..Config::default()
        });
        let process = m.process;
        for kind in 11..=19 {
            assert_eq!(m.statistics(process, kind, 0).0, expected, "{kind}");
        }
        assert_eq!(m.statistics(process, 10, 0).0, 0);
    }
}

#[test]
fn clocks_go_on() {
    let mut m = MemoryGuest::new(Config::default());
    let ask = |m: &mut MemoryGuest, node: u32, physical: u32| {
        let mut body = words(&[m.guest.adapters[0], node, physical]);
        body.extend([0; 28]);
        let reply = m.send(62, &body);
        assert_eq!(reply.len(), 32);
        (word(&reply, 0), [4, 12, 20].map(|at| long(&reply, at)))
    };
    let (status, before) = ask(&mut m, 3, 0);
    assert_eq!(status, 0);
    std::thread::sleep(std::time::Duration::from_millis(2));
    let (_, after) = ask(&mut m, 0, 0);
    assert_eq!(after[0], before[0], "frequency");
    // 2 ms at least on both clocks: that of the CPU goes at 10 MHz.
    assert!(after[1] - before[1] >= before[0] / 500);
    assert!(after[2] - before[2] >= 20_000);
    assert_eq!(ask(&mut m, 4, 0).0, INVALID_PARAMETER);
    assert_eq!(ask(&mut m, 0, 1).0, INVALID_PARAMETER);
    assert_eq!(word(&m.send(37, &[]), 0), 0, "heap transitions");
    m.guest.assert_clean();
}

#[test]
fn escapes_come_back() {
    let mut m = MemoryGuest::new(Config::default());
    let data: Vec<u8> = (0..200).collect();
    assert_eq!(m.escape(0, 1, &data), data);
    assert!(m.escape(0, 0, &[]).is_empty());
    assert!(
        m.escape(4, 0, &data).is_empty(),
        "for the kernel of Windows"
    );
    assert!(m.escape(0, 1 << 8, &data).is_empty(), "flags");
    let device = m.device;
    m.device = 0x1235;
    assert!(m.escape(0, 0, &data).is_empty(), "no such device");
    m.device = device;
    m.guest.assert_clean();
    assert_eq!(word(&m.send(3, &[]), 0), NOT_SUPPORTED);
}

#[test]
fn an_escape_names_a_context_along_with_its_device() {
    let mut m = MemoryGuest::new(Config::default());
    let device = m.device;
    let body = words(&[0, device, 0, 0, 0, 0, 0, 0]);
    let context = word(&m.send(6, &body), 24);
    let other = m.guest.create_device(0, m.process, 9);
    let adapter = m.guest.adapters[0];
    let mut escape = |device: u32, context: u32| {
        let mut body = words(&[adapter, device, 0, 0, 4, context]);
        body.extend(b"data");
        m.send(13, &body)
    };
    assert_eq!(escape(device, context), b"data");
    assert_eq!(escape(device, 0), b"data");
    assert!(escape(0, context).is_empty(), "without a device");
    assert!(escape(other, context).is_empty(), "another's context");
    m.guest.assert_clean();
}

#[test]
fn a_secure_machine_lets_only_known_escapes_through() {
    let mut adapter = gpupv::AdapterDescription::render();
    adapter.secure = true;
    let mut m = MemoryGuest::new(Config {
        adapters: vec![adapter],
        ..Config::default()
    });
    let info = m.guest.vgpu(0, 36, 0, &[]);
    assert_eq!(word(&info, 12) & 1, 1, "the driver is told");
    assert!(m.escape(0, 0, b"data").is_empty());
    assert_eq!(m.escape(0, 1 << 6, &[9, 0, 0, 0]), [9, 0, 0, 0]);
    m.guest.assert_clean();
}

#[test]
fn test_command_buffers() {
    let mut m = MemoryGuest::new(Config::default());
    let build = |m: &mut MemoryGuest, dma: u32, private: u32, room: u32| {
        let mut data = words(&[3, m.device, 0, 0]);
        data.extend(1..=72);
        data.extend([0; 16]);
        data.extend(words(&[dma, private]));
        data.extend(vec![0; room as usize]);
        m.escape(0, 1 << 6, &data)
    };
    let reply = build(&mut m, 100, 8, 108);
    assert_eq!(reply.len(), 112 + 108);
    assert_eq!((word(&reply, 104), word(&reply, 108)), (100, 8));
    let expected: Vec<u8> = (1..=72).chain(1..=28).collect();
    assert_eq!(reply[112..212], expected);
    assert_eq!(reply[212..], [1, 2, 3, 4, 5, 6, 7, 8]);
    m.guest.assert_clean();
    for (dma, private, room) in [(3, 0, 3), (4097, 0, 4097), (4, 1025, 1029), (100, 8, 90)] {
        assert!(build(&mut m, dma, private, room).is_empty());
    }
    assert_eq!(m.guest.violations().len(), 4);
}
