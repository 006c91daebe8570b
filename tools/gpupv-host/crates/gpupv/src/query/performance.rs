// SPDX-License-Identifier: GPL-2.0
//! Clocks, temperatures and versions. The clocks of this host's adapters never change.

use crate::adapter::AdapterDescription;
use crate::status::NtStatus;
use crate::wire::query_data::{AdapterPerfData, AdapterPerfDataCaps, GpuVersion, NodePerfData};
use crate::wire::utf16;

/// Hz in a MHz.
const MHZ: u64 = 1_000_000;
/// The temperature that throttles an adapter and the one that damages it, in tenths of a degree.
const TEMPERATURES: (u32, u32) = (900, 1050);

/// Returns the clocks of one engine.
///
/// # Errors
///
/// There is no such engine.
pub(crate) fn node_performance(
    adapter: &AdapterDescription,
    node: u32,
) -> Result<NodePerfData, NtStatus> {
    // CAST: u32 to usize, on a 64-bit host.
    if node as usize >= adapter.engines.len() {
        return Err(NtStatus::INVALID_PARAMETER);
    }
    let clock = u64::from(adapter.clock) * MHZ;
    Ok(NodePerfData {
        node_ordinal: node.into(),
        physical_adapter_index: 0.into(),
        frequency: clock.into(),
        max_frequency: clock.into(),
        max_frequency_oc: clock.into(),
        voltage: 0.into(),
        voltage_max: 0.into(),
        voltage_max_oc: 0.into(),
        padding: 0.into(),
        max_transition_latency: 0.into(),
    })
}

/// Returns the clock of the memory and the temperature.
pub(crate) fn adapter_performance(adapter: &AdapterDescription) -> AdapterPerfData {
    let clock = u64::from(adapter.memory_clock) * MHZ;
    AdapterPerfData {
        physical_adapter_index: 0.into(),
        padding: 0.into(),
        memory_frequency: clock.into(),
        max_memory_frequency: clock.into(),
        max_memory_frequency_oc: clock.into(),
        memory_bandwidth: 0.into(),
        pcie_bandwidth: 0.into(),
        fan_rpm: 0.into(),
        power: 0.into(),
        temperature: (adapter.temperature * 10).into(),
        power_state_override: 0,
        padding1: [0; 3],
    }
}

/// Returns what the values of [`adapter_performance`] may become. What is not measured has no limit.
pub(crate) fn adapter_limits(adapter: &AdapterDescription) -> AdapterPerfDataCaps {
    let (warning, max) = match adapter.temperature {
        0 => (0, 0),
        _ => TEMPERATURES,
    };
    AdapterPerfDataCaps {
        physical_adapter_index: 0.into(),
        padding: 0.into(),
        max_memory_bandwidth: 0.into(),
        max_pcie_bandwidth: 0.into(),
        max_fan_rpm: 0.into(),
        temperature_max: max.into(),
        temperature_warning: warning.into(),
        padding1: 0.into(),
    }
}

/// Returns firmware and architecture.
pub(crate) fn gpu_version(adapter: &AdapterDescription) -> GpuVersion {
    GpuVersion {
        physical_adapter_index: 0.into(),
        bios_version: utf16(&bios_version(adapter)),
        gpu_architecture: utf16(&adapter.name),
    }
}

/// Returns what stands for the version of the firmware.
pub(super) fn bios_version(adapter: &AdapterDescription) -> String {
    format!("Revision {:02x}", adapter.revision)
}
