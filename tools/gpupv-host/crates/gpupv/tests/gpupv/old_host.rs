// SPDX-License-Identifier: GPL-2.0
//! Hosts below interface version 40: no extended header, no status where later ones have it.

use gpupv::Config;

use crate::guest::{command, extended, word, words, Guest, VGPU};

fn config(interface_version: u32) -> Config {
    Config {
        interface_version,
        ..Config::default()
    }
}

#[test]
fn a_host_without_version_register() {
    for register in [0, 27] {
        let mut guest = Guest::started(config(register));
        let function = &mut guest.functions[0].1;
        assert_eq!(function.read(0xD0), register);
        assert_eq!(
            (function.read(0xD4), function.read(0xD8)),
            (0, 0),
            "no LUID"
        );
        let process = guest.create_process(1, "old");
        // The answer is the data alone.
        let reply = guest.vgpu(0, 2, process, &words(&[13, 4, 0]));
        assert_eq!(reply, words(&[3200]));
        // A failure can only be told by an answer that is too short.
        let reply = guest.vgpu(0, 2, process, &words(&[13, 3, 0, 0]));
        assert_eq!(reply.len(), 0);
        let info = guest.vgpu(0, 36, 0, &[]);
        assert_eq!(info.len(), 704);
        assert_ne!(word(&info, 16), 0, "host adapter LUID");
        assert_eq!(guest.destroy_process(process), 0);
        guest.assert_clean();
    }
}

#[test]
fn versions_between_are_spoken_as_they_are() {
    let mut guest = Guest::new(config(33));
    let reply = guest.vgpu(0, 14, 0, &words(&[27, 16, 0, 0]));
    assert_eq!(word(&reply, 4), 0xC000_00BB, "not our version");
    assert_eq!(reply.len(), 16);
    let reply = guest.vgpu(0, 14, 0, &words(&[33, 16, 0, 0]));
    assert_eq!((word(&reply, 4), word(&reply, 8)), (0, 33));
    assert_eq!(guest.violations().len(), 1);
}

#[test]
fn a_guest_that_sends_the_new_form_to_an_old_host_is_found() {
    let mut guest = Guest::new(config(27));
    let open = command(VGPU, 14, 0, &words(&[27, 16, 0, 0]));
    let packet = extended(guest.luids[0], &open);
    // Its first words now are the command header: number 0, which is CREATEDEVICE, or nonsense.
    guest.vgpus[0].raw(packet, true);
    let report = guest.host.report();
    assert!(!report.unknown.is_empty() || report.violation_count > 0);
    assert!(!report.adapters[0].open);
}

#[test]
fn an_answer_that_no_packet_holds_makes_nothing() {
    // Without an extended header there is room for 16 bytes more in a request than in an answer.
    let mut guest = Guest::started(config(27));
    let process = guest.create_process(1, "old");
    let device = guest.create_device(0, process, 1);
    let create = |guest: &mut Guest, flags: u32, len: usize| {
        let mut body = words(&[0, device, 0, 0, flags, 0, len as u32]);
        body.resize(body.len() + len, 7);
        guest.vgpu(0, 6, process, &body)
    };
    let most = 131_056 - 55;
    let reply = create(&mut guest, 0, most);
    assert_eq!(reply.len(), 131_056);
    assert_ne!(word(&reply, 24), 0);
    assert_eq!(guest.host.object_counter().count(), 2);
    let reply = create(&mut guest, 0, most + 1);
    assert_eq!(word(&reply, 24), 0);
    let context = word(&create(&mut guest, 1 << 4, 0), 24);
    assert_eq!(guest.host.object_counter().count(), 3);
    let mut create = |len: usize| {
        let mut body = words(&[0, 0, 0, 0, 0, 0, 0, 0, context, 0, len as u32]);
        body.resize(body.len() + len, 7);
        let reply = guest.vgpu(0, 50, process, &body);
        (word(&reply, 28), guest.host.object_counter().count())
    };
    let most = 131_056 - 71;
    assert_eq!(create(most + 1), (0, 3));
    let (queue, count) = create(most);
    assert!(queue != 0 && count == 5, "with its fence");
    guest.assert_clean();
}
