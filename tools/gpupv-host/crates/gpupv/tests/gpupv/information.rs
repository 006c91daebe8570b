// SPDX-License-Identifier: GPL-2.0
//! Statistics, clocks, escapes, heap transitions.

use gpupv::Config;

use crate::guest::{long, text, word, words};
use crate::memory_guest::*;

const MIB: u64 = 1 << 20;
const NOT_SUPPORTED: u32 = 0xC000_00BB;

impl MemoryGuest {
    /// Status and result.
    fn statistics(&mut self, process: u32, kind: u32, id: u32) -> (u32, Vec<u8>) {
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
    assert_eq!((word(&adapter, 520), long(&adapter, 528)), (2, 9 * MIB));
    assert_eq!(word(&adapter, 264), 0, "no eviction");
    let (_, own) = m.statistics(process, 1, 0);
    assert_eq!((word(&own, 0), long(&own, 8)), (4, 9 * MIB));
    let (_, segment) = m.statistics(process, 3, 0);
    let sizes = [0, 8, 16].map(|at| long(&segment, at));
    assert_eq!(sizes, [64 * MIB, 9 * MIB, 8 * MIB]);
    let counts = [32, 36, 40].map(|at| word(&segment, at));
    assert_eq!(counts, [2, 1, 0]);
    let (_, machine) = m.statistics(process, 3, 1);
    assert_eq!((long(&machine, 0), word(&machine, 40)), (32 * MIB, 1));
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
    assert_eq!((word(&adapter, 264), long(&adapter, 272)), (1, 8 * MIB));
    m.guest.destroy_process(other);
    assert_eq!(m.statistics(other, 1, 0).0, INVALID_PARAMETER, "just ended");
    m.guest.assert_clean();
    assert_eq!(m.statistics(0x7770, 1, 0).0, INVALID_HANDLE);
    assert_eq!(m.guest.violations().len(), 1);
}

#[test]
fn contexts_are_counted_by_node() {
    let mut m = MemoryGuest::new(Config::default());
    let process = m.process;
    for node in [1, 1, 3] {
        m.send(6, &words(&[0, m.device, node, 1, 0, 0, 0, 0]));
    }
    let counts: Vec<u32> = (0..4)
        .map(|node| word(&m.statistics(process, 6, node).1, 8))
        .collect();
    assert_eq!(counts, [0, 2, 0, 1]);
    let other = m.guest.create_process(2, "b");
    assert_eq!(word(&m.statistics(other, 5, 1).1, 8), 2, "of everybody");
    assert_eq!(word(&m.statistics(other, 6, 1).1, 8), 0);
    for (kind, id) in [
        (5, 4),
        (6, 4),
        (3, 2),
        (4, 2),
        (7, 0),
        (8, 0),
        (9, 2),
        (10, 1),
        (11, 0),
    ] {
        assert_eq!(m.statistics(process, kind, id).0, INVALID_PARAMETER);
    }
    m.guest.assert_clean();
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
