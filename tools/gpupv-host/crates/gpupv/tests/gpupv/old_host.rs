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
        let reply = guest.vgpu(0, 2, process, &words(&[13, 5, 0, 0]));
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
