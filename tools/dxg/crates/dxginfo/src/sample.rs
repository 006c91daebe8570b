// SPDX-License-Identifier: GPL-2.0

//! Adapters for the tests: one that answers everything, one with memory of others and a long name,
//! one that answers nothing; and what the program makes of them.

use crate::{report::Report, survey::Survey};
use dxg::{
    testing::{FakeAdapter, FakeDriver},
    uapi::{adapter::IsFeatureEnabledResult, query::*, statistics::*},
    Feature, SegmentGroup, VideoMemory,
};

const GIB: u64 = 1 << 30;

pub(crate) fn utf16<const N: usize>(text: &str) -> [u16; N] {
    let mut field = [0; N];
    for (to, from) in field.iter_mut().zip(text.encode_utf16()) {
        *to = from;
    }
    field
}

fn named(name: &str) -> AdapterRegistryInfo {
    AdapterRegistryInfo {
        adapter_string: utf16(name),
        ..AdapterRegistryInfo::default()
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

fn ids(device: u32) -> PhysicalAdapterDeviceIds {
    PhysicalAdapterDeviceIds {
        vendor: 0x1414,
        device,
        ..PhysicalAdapterDeviceIds::default()
    }
}

fn render() -> FakeAdapter {
    FakeAdapter::silent(0xA1B2)
        .answer(0, named("Software Render Adapter"))
        .answer(0, AdapterType { value: 0x81 })
        .answer(0, ids(0x8E))
        .answer(0, PhysicalAdapterCount { count: 1 })
        .answer(0, DriverModel { version: 3200 })
        .answer(
            0,
            KmdDriverVersion {
                version: 0x001F_0000_0065_1032,
            },
        )
        .answer(
            0,
            AdapterAddress {
                bus: 0,
                device: 2,
                function: 0,
            },
        )
        .answer(
            0,
            SegmentSizes {
                dedicated_video: 4 * GIB,
                dedicated_system: 0,
                shared_system: 8 * GIB,
            },
        )
        .answer(0, node(1, ""))
        .answer(1, node(6, "Copy 0"))
        .memory(
            0,
            SegmentGroup::Local,
            VideoMemory {
                budget: 7 * GIB / 2,
                current_usage: 7 * GIB / 8,
                current_reservation: GIB / 8,
                available_for_reservation: 3 * GIB / 2,
            },
        )
        .memory(0, SegmentGroup::NonLocal, VideoMemory::default())
        .feature(
            Feature::HARDWARE_SCHEDULING,
            Ok(IsFeatureEnabledResult {
                version: 1,
                value: 0b1111,
            }),
        )
        .processes([101, 2002])
        // Each look finds a quarter of a second more, and five milliseconds.
        .growing_statistics(StatisticsType::Node, 0, None, idle(), 2_500_000)
        .growing_statistics(StatisticsType::Node, 1, None, idle(), 50_000)
        .growing_statistics(
            StatisticsType::ProcessNode,
            0,
            Some(101),
            idle().global_information,
            2_500_000,
        )
        .statistics(
            StatisticsType::ProcessNode,
            1,
            Some(101),
            idle().global_information,
        )
        .statistics(
            StatisticsType::SegmentGroupUsage,
            0,
            None,
            MemoryUsage {
                allocated_bytes: 3 * GIB,
                free_bytes: GIB,
                ..MemoryUsage::default()
            },
        )
        .statistics(
            StatisticsType::ProcessSegmentGroup,
            0,
            Some(101),
            in_use(GIB, 3 * GIB / 4),
        )
        .statistics(
            StatisticsType::ProcessSegmentGroup,
            1,
            Some(101),
            in_use(GIB / 2, GIB / 2),
        )
}

/// An engine that has done nothing yet.
fn idle() -> NodeInformation {
    NodeInformation::default()
}

fn in_use(requested: u64, usage: u64) -> ProcessSegmentGroupInformation {
    ProcessSegmentGroupInformation {
        requested,
        usage,
        ..ProcessSegmentGroupInformation::default()
    }
}

fn compute() -> FakeAdapter {
    FakeAdapter::silent(0xA1B3)
        .compute_only()
        .answer(
            0,
            named("Software Compute Accelerator without Memory of its Own"),
        )
        .answer(0, AdapterType { value: 0x881 })
        .answer(0, ids(0x8A))
        .answer(
            0,
            KmdDriverVersion {
                version: 0x0001_0002_0003_0004,
            },
        )
        .answer(
            0,
            SegmentSizes {
                shared_system: 8 * GIB,
                ..SegmentSizes::default()
            },
        )
}

/// A driver with the three adapters.
pub(crate) fn driver() -> FakeDriver {
    FakeDriver::new([render(), compute(), FakeAdapter::silent(0xA1B4)])
}

/// What the program knows about them.
pub(crate) fn report() -> Report {
    let mut survey = Survey::of(driver().device(), None);
    survey.take().expect("a first report");
    survey.take().expect("a report")
}
