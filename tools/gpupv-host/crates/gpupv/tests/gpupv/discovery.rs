// SPDX-License-Identifier: GPL-2.0
//! A whole session: start, processes, queries, end.

use gpupv::wire::Luid;
use gpupv::Config;
use vmbus::Closed;

use crate::guest::{command, extended, long, text, word, words, Channel, Guest, VGPU};

#[test]
fn a_session_from_probe_to_unload() {
    let mut guest = Guest::started(Config::default());
    let first = guest.create_process(100, "dxginfo");
    let second = guest.create_process(101, "selftest");
    assert_ne!(first, second);
    for n in 0..2 {
        let (status, data) = guest.query(n, first, 15, &[0; 4]);
        assert_eq!(status, 0);
        assert_eq!(word(&data, 0) & 1, 1, "render supported");
        let adapter = guest.adapters[n];
        let memory = guest.vgpu(n, 21, first, &words(&[adapter, 0, 0]));
        assert_eq!(memory.len(), 32);
        assert!(long(&memory, 0) > 0);
        assert_eq!(guest.vgpu(n, 68, 0, &words(&[0])).len(), 16);
    }
    assert_eq!(guest.destroy_process(first), 0);
    assert_eq!(guest.destroy_process(second), 0);
    for n in 0..2 {
        guest.close_adapter(n);
        guest.close_channel(n);
    }
    guest.global.device.closed(Closed::ByGuest);
    let report = guest.host.report();
    assert!(report.verdict().is_clean(), "{report:?}");
    assert_eq!(report.processes_created, 2);
    assert_eq!(report.messages["QUERYADAPTERINFO"], 2);
    assert_eq!(report.messages["CREATEPROCESS"], 2);
    assert!(report.adapters.iter().all(|a| a.opened == 1 && !a.open));
}

#[test]
fn internal_info_says_who_the_adapter_is() {
    let mut guest = Guest::started(Config::default());
    let render = guest.vgpu(0, 36, 0, &[]);
    let compute = guest.vgpu(1, 36, 0, &[]);
    assert_eq!(text(&render[24..184]), "GPU-PV Software GPU");
    assert_eq!(text(&compute[24..184]), "GPU-PV Software NPU");
    assert!(text(&render[184..704]).starts_with("PCI\\VEN_1234&DEV_5101&SUBSYS_51011234&REV_02\\"));
    assert_eq!(word(&render, 12) & 0x40, 0, "synchronous");
    assert_eq!(word(&render, 12) & 0x18, 0x18, "hardware scheduling");
    assert_eq!(word(&compute, 12) & 0x18, 0);
    assert_eq!(word(&render, 8), 3200);
}

#[test]
fn the_driver_comes_back_after_unloading() {
    let mut guest = Guest::started(Config::default());
    for n in 0..2 {
        guest.close_adapter(n);
        guest.close_channel(n);
    }
    guest.global.device.closed(Closed::ByGuest);
    guest.adapters.clear();
    guest.global.reopen();
    guest.vgpus.iter_mut().for_each(Channel::reopen);
    guest.start();
    guest.assert_clean();
    let report = guest.host.report();
    assert!(report.adapters.iter().all(|a| a.opened == 2 && a.open));
}

#[test]
fn the_guest_is_switched_off() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "init");
    guest.destroy_process(process);
    guest.close_all(Closed::Shutdown);
    let report = guest.host.report();
    assert!(report.adapters.iter().all(|a| a.open), "as it was");
    assert!(report.verdict().is_clean());
}

#[test]
fn a_process_is_left() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(4711, "leaky");
    guest.close_all(Closed::Shutdown);
    let report = guest.host.report();
    assert_eq!(report.processes_left.len(), 1);
    assert_eq!(report.processes_left[0].pid, 4711);
    assert_eq!(report.processes_left[0].name, "leaky");
    assert_eq!(report.processes_left[0].handle, format!("{process:#x}"));
    assert_eq!(report.verdict().reasons, ["1 process left"]);
}

#[test]
fn channels_that_go_take_everything_with_them() {
    for why in [Closed::Rescinded, Closed::Reset, Closed::RingBroken] {
        let mut guest = Guest::started(Config::default());
        guest.create_process(1, "a");
        guest.close_all(why);
        let report = guest.host.report();
        assert!(report.verdict().is_clean(), "the guest had no chance");
        assert!(report.adapters.iter().all(|a| !a.open));
        assert_eq!(report.processes_left, []);
    }
}

#[test]
fn a_driver_that_closes_without_cleaning_up_is_found() {
    let mut guest = Guest::started(Config::default());
    guest.create_process(1, "a");
    guest.close_all(Closed::ByGuest);
    let violations = guest.violations();
    assert_eq!(violations.len(), 3, "{violations:?}");
    assert!(violations[0].contains("Software GPU\" closed without CLOSEADAPTER"));
    assert!(violations[2].contains("1 process left"));
}

#[test]
fn processes_that_went_with_the_global_channel() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    guest.global.device.closed(Closed::Rescinded);
    // The driver may not have heard of it.
    let (status, _) = guest.query(0, process, 15, &[0; 4]);
    assert_eq!(status, 0xC000_02B6);
    guest.assert_clean();
    // A process that never was is another matter, and so is one that ended long ago.
    let (status, _) = guest.query(0, process + 64, 15, &[0; 4]);
    assert_eq!(status, 0xC000_0008);
    assert_eq!(guest.violations().len(), 1);
    guest.global.reopen();
    guest.query(0, process, 15, &[0; 4]);
    assert_eq!(guest.violations().len(), 2);
}

#[test]
fn flush_after_the_adapter_went() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    // A device that was refused: the driver knows it as 0.
    let reply = guest.vgpu(0, 42, process, &words(&[0, 4]));
    assert_eq!(word(&reply, 0), 0xC000_0008);
    guest.close_adapter(0);
    let reply = guest.vgpu(0, 42, process, &words(&[0x4000_0040, 4]));
    assert_eq!(word(&reply, 0), 0xC000_02B6);
    guest.assert_clean();
}

#[test]
fn asynchronous_mode_moves_to_the_global_channel() {
    let mut guest = Guest::new(Config {
        asynchronous: true,
        ..Config::default()
    });
    // The first adapter starts on its own channel and learns of the mode there.
    let opened = guest.open_adapter(0);
    let info = guest.vgpu(0, 36, 0, &[]);
    assert_eq!(word(&info, 12) & 0x40, 0x40);
    // The second one is reached through the global channel by its LUID.
    let open = command(VGPU, 14, 0, &words(&[40, 16, 0, 0]));
    let second = guest
        .global
        .raw(extended(guest.luids[1], &open), true)
        .unwrap();
    assert_eq!(word(&second, 4), 0);
    assert_ne!(word(&second, 0), word(&opened, 0));
    let process = guest.create_process(1, "a");
    let query = command(VGPU, 2, process, &words(&[15, 4, 0]));
    let reply = guest
        .global
        .raw(extended(guest.luids[1], &query), true)
        .unwrap();
    assert_eq!(word(&reply, 0), 0);
    guest.assert_clean();

    // Fire and forget: no completion, not even for what fails.
    let cookie = [0; 16];
    let create = extended(guest.luids[0], &command(VGPU, 0, process, &cookie));
    let device = word(&guest.global.raw(create, true).unwrap(), 0);
    let mut body = words(&[1, 0, 0, 0, 0, 0, device, 0, 0x1234]);
    body.extend([0; 8]);
    let signal = command(VGPU | (1 << 8), 26, process, &body);
    assert_eq!(
        guest.global.raw(extended(guest.luids[0], &signal), false),
        None
    );
    guest.assert_clean();
    assert_eq!(guest.host.report().messages["SIGNALSYNCOBJECT"], 1);
    // Only four commands may.
    let blt = command(VGPU | (1 << 8), 38, process, &[0; 40]);
    guest.global.raw(extended(guest.luids[0], &blt), false);
    assert_eq!(guest.violations().len(), 1);
    // And the LUID must be one of ours.
    let stranger = extended(Luid::new(1, 2), &query);
    let reply = guest.global.raw(stranger, true).unwrap();
    assert_eq!(word(&reply, 0), 0xC000_000D);
    assert_eq!(guest.violations().len(), 2);
}
