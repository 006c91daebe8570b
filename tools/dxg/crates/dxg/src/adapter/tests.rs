// SPDX-License-Identifier: GPL-2.0

//! Adapters against a driver made of data.

use super::*;
use crate::{
    testing::{FakeAdapter, FakeDriver},
    uapi::adapter::IsFeatureEnabledResult,
    AdapterFilter, EngineKind, Errno, NtStatus,
};

fn utf16<const N: usize>(text: &str) -> [u16; N] {
    let mut field = [0; N];
    for (to, from) in field.iter_mut().zip(text.encode_utf16()) {
        *to = from;
    }
    field
}

fn only(driver: &FakeDriver) -> Adapter {
    let mut adapters = driver.device().adapters(AdapterFilter::ALL).unwrap();
    assert_eq!(adapters.len(), 1);
    adapters.remove(0)
}

fn with(adapter: FakeAdapter) -> Adapter {
    only(&FakeDriver::new([adapter]))
}

fn registry(name: &str) -> AdapterRegistryInfo {
    AdapterRegistryInfo {
        adapter_string: utf16(name),
        ..AdapterRegistryInfo::default()
    }
}

fn description(text: &str) -> DriverDescription {
    DriverDescription {
        description: utf16(text),
    }
}

fn node(engine_type: u32, name: &str) -> NodeMetadata {
    NodeMetadata {
        engine_type,
        friendly_name: utf16(name),
        gpu_mmu: 1,
        ..NodeMetadata::default()
    }
}

#[test]
fn a_handle_is_closed_once_and_only_when_the_adapter_goes() {
    // The fake driver panics when a handle is closed twice.
    let driver = FakeDriver::new([FakeAdapter::silent(1)]);
    let adapter = only(&driver);
    assert_eq!(driver.open_handles(), 1, "outlives the device");
    adapter.close().unwrap();
    assert_eq!(driver.open_handles(), 0);
    assert_eq!(driver.calls::<CloseAdapter>(), 1);
    drop(only(&driver));
    assert_eq!(driver.open_handles(), 0);
    assert_eq!(driver.calls::<CloseAdapter>(), 2);
}

#[test]
fn the_registry_name_comes_before_the_description() {
    let both = FakeAdapter::silent(1)
        .answer(0, registry("Registry"))
        .answer(0, description("Description"));
    assert_eq!(with(both).name().unwrap(), "Registry");
    let empty = FakeAdapter::silent(1)
        .answer(0, registry(""))
        .answer(0, description("Description"));
    assert_eq!(with(empty).name().unwrap(), "Description");
    let second = FakeAdapter::silent(1).answer(0, description("Description"));
    assert_eq!(with(second).name().unwrap(), "Description");
    let error = with(FakeAdapter::silent(1)).name().unwrap_err();
    assert!(error.is_unanswered());
    assert!(
        error
            .to_string()
            .contains("D3DKMTQueryAdapterInfo(KMTQAITYPE_ADAPTERREGISTRYINFO) failed with EINVAL"),
        "{error}"
    );
}

#[test]
fn a_lost_adapter_is_not_an_unanswered_query() {
    let adapter = FakeAdapter::silent(1)
        .refuse::<AdapterRegistryInfo>(0, Errno::ENODEV)
        .answer(0, description("Description"));
    let error = with(adapter).name().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENODEV));
    assert!(!error.is_unanswered());
}

#[test]
fn the_compute_only_bit_outweighs_the_render_bit() {
    for (value, kind) in [
        (0x881, AdapterKind::ComputeOnly),
        (0x081, AdapterKind::Render),
        (0x080, AdapterKind::Other),
    ] {
        let adapter = with(FakeAdapter::silent(1).answer(0, AdapterType { value }));
        assert_eq!(adapter.kind().unwrap(), kind);
    }
    let names: Vec<_> = AdapterType { value: 0x881 }.names().collect();
    assert_eq!(
        names,
        ["render_supported", "paravirtualized", "compute_only"]
    );
}

#[test]
fn engines_end_at_the_first_refused_number() {
    let adapter = with(
        FakeAdapter::silent(1)
            .answer(0, node(1, ""))
            .answer(1, node(6, "Copy 0"))
            .answer(0x1_0000, node(4242, "second adapter")),
    );
    let engines = adapter.engines(0).unwrap();
    assert_eq!(engines.len(), 2);
    assert_eq!(engines[0].kind.to_string(), "3D");
    assert_eq!((engines[1].ordinal, engines[1].kind), (1, EngineKind(6)));
    assert_eq!(engines[1].name, "Copy 0");
    assert!(engines[1].gpu_mmu && !engines[1].io_mmu);
    assert_eq!(adapter.engines(1).unwrap()[0].kind.to_string(), "kind 4242");
    assert!(adapter.engines(2).unwrap_err().is_unanswered());
}

#[test]
fn engines_of_an_old_host_end_at_the_first_short_answer() {
    let adapter = with(
        FakeAdapter::silent(1)
            .answer(0, node(1, ""))
            .refuse::<NodeMetadata>(1, Errno::EOVERFLOW)
            .answer(0x1_0000, node(1, ""))
            .refuse::<NodeMetadata>(0x1_0001, Errno::ENODEV),
    );
    assert_eq!(adapter.engines(0).unwrap().len(), 1);
    // That is no answer.
    assert_eq!(adapter.engines(1).unwrap_err().errno(), Some(Errno::ENODEV));
}

#[test]
fn a_host_with_endless_engines_is_stopped() {
    let endless = (0..300).fold(FakeAdapter::silent(1), |adapter, ordinal| {
        adapter.answer(ordinal, node(1, ""))
    });
    let error = with(endless).engines(0).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

#[test]
fn device_ids_are_asked_per_physical_adapter() {
    let ids = |device| PhysicalAdapterDeviceIds {
        vendor: 0x1414,
        device,
        ..PhysicalAdapterDeviceIds::default()
    };
    let adapter = with(
        FakeAdapter::silent(1)
            .answer(0, PhysicalAdapterCount { count: 2 })
            .answer(0, ids(0x8E))
            .answer(1, ids(0x8F)),
    );
    assert_eq!(adapter.physical_adapter_count().unwrap(), 2);
    assert_eq!(adapter.device_ids(0).unwrap().device, 0x8E);
    assert_eq!(adapter.device_ids(1).unwrap().device, 0x8F);
    assert!(adapter.device_ids(2).unwrap_err().is_unanswered());
}

#[test]
fn budgets_are_asked_per_group_and_physical_adapter() {
    let memory = VideoMemory {
        budget: 4,
        current_usage: 3,
        current_reservation: 2,
        available_for_reservation: 1,
    };
    let adapter = with(FakeAdapter::silent(1).memory(1, SegmentGroup::NonLocal, memory));
    assert_eq!(
        adapter.video_memory(1, SegmentGroup::NonLocal).unwrap(),
        memory
    );
    for (physical, group) in [(0, SegmentGroup::NonLocal), (1, SegmentGroup::Local)] {
        let error = adapter.video_memory(physical, group).unwrap_err();
        assert!(error.is_unanswered(), "a short reply: {error}");
        let call = format!("D3DKMTQueryVideoMemoryInfo({group})");
        assert_eq!(error.function().unwrap().to_string(), call);
    }
}

#[test]
fn a_success_status_without_data_is_passed_on() {
    let known = IsFeatureEnabledResult {
        version: 3,
        value: 0b0111,
    };
    let adapter = with(
        FakeAdapter::silent(1)
            .feature(Feature::HARDWARE_SCHEDULING, Ok(known))
            .feature(Feature(99), Err(NtStatus::PENDING)),
    );
    let state = adapter.feature(Feature::HARDWARE_SCHEDULING).unwrap();
    assert_eq!(state.version, 3);
    assert!(state.enabled && state.known && state.supported_by_driver);
    assert!(!state.supported_on_config);
    let error = adapter.feature(Feature(99)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoData {
                status: NtStatus::PENDING,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.is_unanswered());
}

#[test]
fn process_lists_of_any_length_are_read() {
    let driver = FakeDriver::new([FakeAdapter::silent(1).processes([10, 20])]);
    let adapter = only(&driver);
    assert_eq!(adapter.processes().unwrap(), [10, 20]);
    assert_eq!(driver.calls::<EnumProcesses>(), 1);
    let many: Vec<u32> = (1..=1000).collect();
    driver.set_processes(many.clone());
    assert_eq!(adapter.processes().unwrap(), many);
    assert_eq!(driver.calls::<EnumProcesses>(), 3);
    driver.set_processes([]);
    assert!(adapter.processes().unwrap().is_empty());
}
