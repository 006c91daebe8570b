// SPDX-License-Identifier: GPL-2.0
//! Adapter descriptions on the command line, and hosts that cannot be.

use gpupv::adapter::{AdapterKind, DriverVersion, EngineKind};
use gpupv::{AdapterDescription, Config, ConfigError, GpuPvHost};

fn parse(text: &str) -> AdapterDescription {
    text.parse().unwrap()
}

fn error(text: &str) -> String {
    text.parse::<AdapterDescription>().unwrap_err().to_string()
}

#[test]
fn a_full_description() {
    let adapter = parse(
        "kind=render,name=Some GPU,vendor=10de,device=0x2684,revision=a1,memory=24G,shared=512M,\
         engines=3d:1+copy:2+compute:1,driver=31.0.101.2111,wddm=3100,hwsch=off,\
         instance=00000001-0002-0003-0405-060708090a0b",
    );
    assert_eq!(adapter.kind, AdapterKind::Render);
    assert_eq!(adapter.name, "Some GPU");
    assert_eq!((adapter.vendor, adapter.device), (0x10DE, 0x2684));
    assert_eq!(adapter.revision, 0xA1);
    assert_eq!(adapter.dedicated_memory, 24 << 30);
    assert_eq!(adapter.shared_memory, 512 << 20);
    let engines = [
        EngineKind::ThreeD,
        EngineKind::Copy,
        EngineKind::Copy,
        EngineKind::Compute,
    ];
    assert_eq!(adapter.engines, engines);
    assert_eq!(adapter.driver, DriverVersion([31, 0, 101, 2111]));
    assert_eq!(adapter.driver.to_u64(), 0x001F_0000_0065_083F);
    assert_eq!((adapter.wddm, adapter.hardware_scheduling), (3100, false));
    assert!(adapter.instance.is_some());
}

#[test]
fn what_is_not_said_comes_from_the_kind() {
    assert_eq!(parse(""), AdapterDescription::render());
    assert_eq!(parse("kind=render"), AdapterDescription::render());
    let compute = AdapterDescription::compute_only();
    assert_eq!(parse("kind=compute-only"), compute);
    // The kind counts wherever it stands.
    let named = parse("name=X,kind=compute-only");
    let name = "X".to_owned();
    assert_eq!(named, AdapterDescription { name, ..compute });
    assert_ne!(AdapterDescription::render().vendor, named.vendor);
}

#[test]
fn mistakes_are_explained() {
    for (text, expected) in [
        ("kind", "\"kind\" is not of the form key=value"),
        ("colour=red", "unknown key \"colour\"; the keys are kind,"),
        ("vendor=1,vendor=2", "\"vendor\" is given twice"),
        ("kind=display", "the kinds are render and compute-only"),
        ("name=", "a name cannot be empty"),
        ("vendor=12345", "up to four hexadecimal digits"),
        ("vendor=xyz", "up to four hexadecimal digits"),
        ("device=ffff", "no PCI ids"),
        ("revision=100", "up to two hexadecimal digits"),
        ("memory=lots", "memory=lots: expected a number of bytes"),
        ("memory=4X", "with K, M, G or T"),
        ("memory=-1", "expected a number"),
        ("memory=100", "not a multiple of 4096"),
        ("memory=99999999T", "more than 256T"),
        ("memory=99999999999999999999", "expected a number"),
        ("engines=", "no engine \"\""),
        ("engines=4d", "no engine \"4d\"; there are 3d, compute"),
        ("engines=3d:0", "\"0\" is no number from 1"),
        ("engines=3d:many", "\"many\" is no number"),
        ("engines=3d:40+copy:40", "more than 64 engines"),
        ("driver=1.2.3", "four numbers"),
        ("driver=1.2.3.70000", "four numbers up to 65535"),
        ("wddm=32", "a number from 2000"),
        ("hwsch=yes", "on or off"),
        ("instance=1", "instance=1: "),
        ("umd=a/b", "a name without a directory"),
        ("package=", "a name cannot be empty"),
        ("package=..", "a name without a directory"),
        ("clock=fast", "a number up to 100000"),
        ("temperature=151", "a number up to 150"),
        ("secure=1", "on or off"),
        ("registry=x", "expected KEY:NAME:TYPE:DATA"),
        (
            "registry=user:a:dword:1",
            "the keys are service and adapter",
        ),
        ("registry=adapter::dword:1", "1 to 259 characters"),
        ("registry=adapter:a:word:1", "the types are text, dword"),
        ("registry=adapter:a:dword:x", "a number after dword"),
        ("registry=adapter:a:binary:0", "pairs of hex digits"),
        ("registry=adapter:a:binary:0g", "pairs of hex digits"),
        (
            "instance=00000000-0000-0000-0000-000000000000",
            "name nothing",
        ),
    ] {
        let message = error(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
    let long = format!("name={}", "x".repeat(80));
    assert!(error(&long).contains("at most 79"));
    assert_eq!(parse(&format!("name={}", "x".repeat(79))).name.len(), 79);
}

fn config_error(change: impl FnOnce(&mut Config)) -> ConfigError {
    let mut config = Config::default();
    change(&mut config);
    match GpuPvHost::new(config) {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

#[test]
fn hosts_that_cannot_be() {
    let (count, first) = (2, 31);
    assert_eq!(
        config_error(|config| config.first_slot = 31),
        ConfigError::Slots { count, first }
    );
    assert!(matches!(
        config_error(|config| config.first_slot = 0),
        ConfigError::Slots { first: 0, .. }
    ));
    assert_eq!(
        config_error(|config| config.io_space_mib = 0),
        ConfigError::NoIoSpace
    );
    assert_eq!(
        config_error(|config| config.interface_version = u32::MAX),
        ConfigError::Version(u32::MAX)
    );
    let old = config_error(|config| {
        config.interface_version = 39;
        config.asynchronous = true;
    });
    assert_eq!(old, ConfigError::Asynchronous(39));
    let same = config_error(|config| {
        // Only the first half counts.
        config.adapters[0] = parse("instance=11111111-2222-3333-4444-555555555555");
        config.adapters[1] = parse("instance=11111111-2222-3333-aaaa-bbbbbbbbbbbb");
    });
    let luid = "33332222:11111111".to_owned();
    assert_eq!(same, ConfigError::SameLuid(0, 1, luid));
}

#[test]
fn a_host_may_have_no_adapter() {
    let config = Config {
        adapters: Vec::new(),
        ..Config::default()
    };
    let mut host = GpuPvHost::new(config).unwrap();
    assert_eq!(host.take_devices().len(), 1);
    assert_eq!(host.take_functions().len(), 0);
}
