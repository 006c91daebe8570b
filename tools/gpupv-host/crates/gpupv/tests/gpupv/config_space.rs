// SPDX-License-Identifier: GPL-2.0
//! The PCI functions: what a driver's probe reads and writes.

use gpupv::Config;

use crate::guest::Guest;

#[test]
fn functions_look_like_vgpus() {
    let mut guest = Guest::new(Config::default());
    let slots: Vec<u8> = guest.functions.iter().map(|(slot, _)| *slot).collect();
    assert_eq!(slots, [1, 2]);
    let expected = [0x008E_1414, 0x008A_1414];
    for ((_, function), ids) in guest.functions.iter_mut().zip(expected) {
        assert_eq!(function.read(0), ids);
        assert_eq!(function.read(8) >> 8, 0x0003_0200, "3D controller");
        assert_eq!(function.read(4) >> 16, 0, "no capability list");
        assert_eq!(function.read(0x0C), 0, "single function, header type 0");
        assert_eq!(function.read(0x34), 0, "no capabilities");
        for bar in (0x10..=0x24).step_by(4).chain([0x30]) {
            function.write(bar, u32::MAX, 0xF);
            assert_eq!(function.read(bar), 0, "no BAR at {bar:#x}");
        }
        function.write(0, 0, 0xF);
        assert_eq!(function.read(0), ids, "read-only");
        // Byte by byte, as a driver may.
        function.write(4, 0x0006, 0b0001);
        function.write(4, 0x0400, 0b0010);
        assert_eq!(function.read(4), 0x0406);
        function.write(0x3C, 0x0000_FF0B, 0b0001);
        assert_eq!(function.read(0x3C), 0x0B, "interrupt line, but no pin");
    }
    guest.assert_clean();
}

#[test]
fn probe_of_the_first_function() {
    let mut guest = Guest::new(Config::default());
    let function = &mut guest.functions[1].1;
    let before = (function.read(0xD4), function.read(0xD8));
    function.write(0xD4, 1, 0xF);
    assert_eq!(function.read(0xD0), 40);
    function.write(0xD0, 40, 0xF);
    assert_eq!(function.read(0xDC), 1);
    assert_eq!(
        (function.read(0xD4), function.read(0xD8)),
        before,
        "a write does not change the LUID"
    );
    assert_eq!(function.read(0xD0), 40);
    let pci = guest.host.report().pci;
    assert_eq!((pci.version_written, pci.guest_caps), (Some(40), Some(1)));
    guest.assert_clean();
}

#[test]
fn every_adapter_has_its_own_ids_everywhere() {
    let mut config = Config::default();
    config.adapters = vec![config.adapters[0].clone(); 30];
    let mut guest = Guest::started(config);
    let mut luids = Vec::new();
    for n in 0..30 {
        let function = &mut guest.functions[n].1;
        let words = [0xC0, 0xC4, 0xC8, 0xCC].map(|at| function.read(at));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let offer = guest.vgpus[n].device.offer();
        assert_eq!(
            bytes,
            offer.instance.to_bytes_le(),
            "the channel of the function"
        );
        assert_eq!(offer.mmio_megabytes, 0);
        let vgpu = (function.read(0xD4), function.read(0xD8));
        let info = guest.vgpu(n, 36, 0, &[]);
        let word = |at| crate::guest::word(&info, at);
        assert_eq!((word(704), word(708)), vgpu, "the same in both places");
        luids.extend([(words[0], words[1]), vgpu, (word(16), word(20))]);
    }
    luids.sort_unstable();
    let count = luids.len();
    luids.dedup();
    assert_eq!((count, luids.len()), (90, 90));
    assert_eq!(guest.global.device.offer().mmio_megabytes, 1000);
    guest.assert_clean();
}

#[test]
fn a_host_that_offers_more_gets_40() {
    let config = Config {
        interface_version: 50,
        map_guest_memory: false,
        ..Config::default()
    };
    let mut guest = Guest::started(config);
    let function = &mut guest.functions[0].1;
    assert_eq!((function.read(0xD0), function.read(0xDC)), (50, 0));
    function.write(0xD0, 40, 0xF);
    guest.assert_clean();
    guest.functions[0].1.write(0xD0, 50, 0xF);
    assert_eq!(guest.violations().len(), 1);
}
