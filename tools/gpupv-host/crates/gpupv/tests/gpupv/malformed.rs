// SPDX-License-Identifier: GPL-2.0
//! Packets that no driver should send: answered, counted, and without effect.

use gpupv::wire::Luid;
use gpupv::Config;

use crate::guest::{command, extended, word, words, Guest, GLOBAL, VGPU};

const INVALID_HANDLE: u32 = 0xC000_0008;
const INVALID_PARAMETER: u32 = 0xC000_000D;

/// Sends a packet on the first vGPU's channel, and expects one more violation.
fn violates(guest: &mut Guest, packet: Vec<u8>, expected: &str) -> Vec<u8> {
    let before = guest.host.report().violation_count;
    let reply = guest.vgpus[0].raw(packet, true).unwrap();
    let report = guest.host.report();
    assert_eq!(report.violation_count, before + 1, "{expected}");
    let text = report.violations.last().unwrap();
    assert!(text.contains(expected), "{text}");
    reply
}

#[test]
fn frames_without_a_command() {
    let mut guest = Guest::started(Config::default());
    let guest = &mut guest;
    let luid = guest.luids[0];
    violates(guest, vec![], "no extended header");
    violates(guest, vec![0; 8], "no extended header");
    violates(guest, extended(luid, &[]), "no command header");
    violates(guest, extended(luid, &[0; 16]), "no command header");
    for offset in [0u32, 8, 12, 17, 1000, u32::MAX] {
        let mut packet = extended(luid, &command(VGPU, 36, 0, &[]));
        packet[..4].copy_from_slice(&offset.to_le_bytes());
        let reply = violates(guest, packet, "command at byte");
        assert_eq!(word(&reply, 0), INVALID_PARAMETER);
    }
    let packet = extended(luid, &command(2, 36, 0, &[]));
    violates(guest, packet, "channel type 2");
    assert_eq!(guest.host.report().messages["(malformed)"], 11);
}

#[test]
fn a_command_may_start_later() {
    let mut guest = Guest::started(Config::default());
    let mut packet = extended(guest.luids[0], &[0; 8]);
    packet.extend(command(VGPU, 36, 0, &[]));
    packet[..4].copy_from_slice(&24u32.to_le_bytes());
    assert_eq!(guest.vgpus[0].raw(packet, true).unwrap().len(), 712);
    guest.assert_clean();
}

#[test]
fn commands_on_the_wrong_channel() {
    let mut guest = Guest::started(Config::default());
    let luids = guest.luids.clone();
    let global = extended(Luid::ZERO, &command(GLOBAL, 1000, 0, &[0; 544]));
    let reply = violates(&mut guest, global, "global command on a vGPU's channel");
    assert_eq!(reply, [0; 4], "no process");
    let other = extended(luids[1], &command(VGPU, 36, 0, &[]));
    let reply = violates(&mut guest, other, "named on the channel of");
    assert_eq!(reply.len(), 0);
    // And the other way round.
    let vgpu = extended(luids[0], &command(VGPU, 36, 0, &[]));
    guest.global.raw(vgpu, true);
    let named = extended(luids[0], &command(GLOBAL, 1000, 0, &[0; 544]));
    guest.global.raw(named, true);
    let report = guest.host.report();
    assert_eq!(report.violation_count, 4);
    assert_eq!(report.processes_created, 0);
}

#[test]
fn short_requests() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    for (number, body) in [(14, 8), (15, 0), (21, 8), (42, 0), (68, 0), (2, 8)] {
        let user = if [2, 21, 42].contains(&number) {
            process
        } else {
            0
        };
        let packet = extended(guest.luids[0], &command(VGPU, number, user, &vec![0; body]));
        violates(&mut guest, packet, "are needed");
    }
    for (number, body) in [(1000, 528), (1010, 16), (1022, 0)] {
        guest.global(number, 0, &vec![0; body]);
    }
    assert_eq!(guest.host.report().violation_count, 9);
    // The shortest that carry everything are accepted.
    assert_eq!(guest.create_process(2, "b") & 0x3F, 0);
    let handle = guest.adapters[0];
    let reply = guest.vgpu(0, 21, process, &words(&[handle, 0, 0]));
    assert_eq!(reply.len(), 32);
    assert_eq!(guest.host.report().violation_count, 9);
}

#[test]
fn processes_that_do_not_exist() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    let adapter = guest.adapters[0];
    // Nothing, an adapter, another generation, an index that was never used, the instance bits.
    let wrong = [
        0,
        adapter,
        process ^ 0xC000_0000,
        process + 0x4000,
        process | 1,
    ];
    for wrong in wrong {
        let (status, _) = guest.query(0, wrong, 15, &[0; 4]);
        assert_eq!(status, INVALID_HANDLE, "{wrong:#x}");
        assert_eq!(guest.destroy_process(wrong), INVALID_HANDLE);
    }
    assert_eq!(guest.host.report().violation_count, 10);
    // Not needed, but there: as wrong.
    guest.vgpu(0, 36, process, &[]);
    assert_eq!(guest.host.report().violation_count, 11);
    assert_eq!(guest.destroy_process(process), 0);
    assert_eq!(guest.destroy_process(process), INVALID_HANDLE, "twice");
}

#[test]
fn query_data_beyond_the_packet() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    for size in [0u32, 9, 131_072, u32::MAX] {
        let mut body = words(&[15, size]);
        body.extend([0; 8]);
        let packet = extended(guest.luids[0], &command(VGPU, 2, process, &body));
        let reply = violates(&mut guest, packet, "bytes of data in");
        assert_eq!(word(&reply, 0), INVALID_PARAMETER);
    }
}

#[test]
fn adapters_opened_twice_or_not_at_all() {
    let mut guest = Guest::new(Config::default());
    assert_eq!(guest.vgpu(0, 36, 0, &[]).len(), 0, "not open");
    assert_eq!(word(&guest.vgpu(0, 15, 0, &words(&[5])), 0), 0xC000_02B6);
    assert_eq!(guest.violations().len(), 2);
    guest.start();
    let again = guest.open_adapter(0);
    assert_eq!((word(&again, 0), word(&again, 4)), (0, INVALID_PARAMETER));
    let wrong = guest.adapters[1];
    let reply = guest.vgpu(0, 15, 0, &words(&[wrong]));
    assert_eq!(word(&reply, 0), INVALID_HANDLE);
    assert_eq!(guest.violations().len(), 4);
    assert!(guest.host.report().adapters.iter().all(|a| a.open));
}

#[test]
fn io_space() {
    let mut guest = Guest::new(Config::default());
    let mut set = |start: u64, length: u64| {
        let mut body = start.to_le_bytes().to_vec();
        body.extend(length.to_le_bytes());
        body.extend([0; 4]);
        word(&guest.global(1010, 0, &body), 0)
    };
    let (start, length) = (64u64 << 30, 1000 << 20);
    assert_eq!(set(0, length), INVALID_PARAMETER);
    assert_eq!(set(start + 4096, length), INVALID_PARAMETER);
    assert_eq!(set(u64::MAX << 16, length), INVALID_PARAMETER);
    assert_eq!(set(start, length - 1), INVALID_PARAMETER);
    assert_eq!(set(start, length), 0);
    assert_eq!(set(start, length), INVALID_PARAMETER, "twice");
    assert_eq!(guest.violations().len(), 5);
}

#[test]
fn completions_that_contradict_the_header() {
    let mut guest = Guest::started(Config::default());
    let luid = guest.luids[0];
    // Synchronous, but nobody waits.
    let packet = extended(luid, &command(VGPU, 36, 0, &[]));
    assert_eq!(guest.vgpus[0].raw(packet, false), None);
    // Asynchronous in synchronous mode, and somebody waits.
    let packet = extended(luid, &command(VGPU | (1 << 8), 38, 0, &[0; 384]));
    assert!(guest.vgpus[0].raw(packet, true).is_some());
    assert_eq!(guest.violations().len(), 3);
}

#[test]
fn garbage_is_always_answered() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    let mut state = 1u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as u32
    };
    for _ in 0..20_000 {
        let len = random() as usize % 200;
        let body: Vec<u8> = (0..len).map(|_| random() as u8).collect();
        let process = if random() % 2 == 0 { process } else { random() };
        let number = if random() % 3 == 0 {
            1000 + random() % 25
        } else {
            random() % 72
        };
        // Not the end of the process that everything is about.
        if number == 1001 || number == 15 {
            continue;
        }
        let luid = guest.luids[random() as usize % 2];
        let mut packet = extended(luid, &command(random() % 3, number, process, &body));
        if random() % 8 == 0 {
            let at = random() as usize % packet.len();
            packet[at] = random() as u8;
        }
        match random() % 3 {
            0 => guest.global.raw(packet, true),
            1 => guest.vgpus[0].raw(packet, true),
            _ => guest.vgpus[1].raw(packet, true),
        };
    }
    let report = guest.host.report();
    assert!(report.violation_count > 1000);
    assert_eq!(report.violations.len(), 100, "the text is bounded");
    assert!(report.message_count() > 10_000);
}
