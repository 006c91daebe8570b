// SPDX-License-Identifier: GPL-2.0
//! The data inside QUERYADAPTERINFO, as the Windows kernel-mode thunks define it.
//!
//! `Documentation/spec/query-layout.csv` has the layouts with their sources; names with a dot there
//! are the fields of a structure within a structure.

use zerocopy::byteorder::little_endian::{U32, U64};

use super::message::messages;

messages! {
    /// Type 1: the file of a user-mode driver, UTF-16 with a zero at the end.
    "d3dkmt_umdfilenameinfo" UmdFileNameInfo {
        version: U32,
        umd_file_name: [u8; 520],
    }

    /// Type 3: how much memory an adapter has, in bytes.
    "d3dkmt_segmentsizeinfo" SegmentSizeInfo {
        dedicated_video_memory_size: U64,
        dedicated_system_memory_size: U64,
        shared_system_memory_size: U64,
    }

    /// Types 6 and 53: where the adapter is.
    "d3dkmt_adapteraddress" AdapterAddress {
        bus_number: U32,
        device_number: U32,
        function_number: U32,
    }

    /// Types 8 and 54: names, UTF-16 with a zero at the end.
    "d3dkmt_adapterregistryinfo" AdapterRegistryInfo {
        adapter_string: [u8; 520],
        bios_string: [u8; 520],
        dac_type: [u8; 520],
        chip_type: [u8; 520],
    }

    /// Types 17 and 58: what came with WDDM 1.2.
    "d3dkmt_wddm_1_2_caps" Wddm12Caps {
        graphics_preemption_granularity: U32,
        compute_preemption_granularity: U32,
        value: U32,
    }

    /// Type 18: the version of the user-mode driver, its first part on top.
    "d3dkmt_umd_driver_version" UmdDriverVersion {
        driver_version: U64,
    }

    /// Types 22 and 59: what came with WDDM 1.3.
    "d3dkmt_wddm_1_3_caps" Wddm13Caps {
        value: U32,
    }

    /// Type 24: what came with WDDM 2.0.
    "d3dkmt_wddm_2_0_caps" Wddm20Caps {
        value: U32,
    }

    /// Type 25: one engine. The structure is packed, without padding at its end.
    "d3dkmt_nodemetadata" NodeMetadata {
        node_ordinal_and_adapter_index: U32,
        engine_type: U32,
        friendly_name: [u8; 64],
        flags: U32,
        gpu_mmu_supported: u8,
        io_mmu_supported: u8,
    }

    /// Type 30: how many physical adapters are linked into one.
    "d3dkmt_physical_adapter_count" PhysicalAdapterCount {
        count: U32,
    }

    /// Type 31: PCI ids of one physical adapter.
    "d3dkmt_query_device_ids" QueryDeviceIds {
        physical_adapter_index: U32,
        vendor_id: U32,
        device_id: U32,
        sub_vendor_id: U32,
        sub_system_id: U32,
        revision_id: U32,
        bus_type: U32,
    }

    /// Type 32: more of what a driver can do.
    "d3dkmt_drivercaps_ext" DriverCapsExt {
        value: U32,
    }

    /// Type 34: what the page tables of one physical adapter can do.
    "d3dkmt_query_gpummu_caps" QueryGpuMmuCaps {
        physical_adapter_index: U32,
        flags: U32,
        virtual_address_bit_count: U32,
    }

    /// Type 42: how much memory one physical adapter has, by segment group.
    "d3dkmt_segmentgroupsizeinfo" SegmentGroupSizeInfo {
        physical_adapter_index: U32,
        padding: U32,
        dedicated_video_memory_size: U64,
        dedicated_system_memory_size: U64,
        shared_system_memory_size: U64,
        local_memory: U64,
        non_local_memory: U64,
        non_budget_memory: U64,
    }

    /// Type 48: a value of the driver's registry keys, or one of its paths. The output may be longer
    /// than its first eight bytes, which stand here.
    "d3dddi_queryregistry_info" QueryRegistryInfo {
        query_type: U32,
        query_flags: U32,
        value_name: [u8; 520],
        value_type: U32,
        physical_adapter_index: U32,
        output_value_size: U32,
        status: U32,
        output_qword: U64,
    }

    /// Type 49: the version of the kernel-mode driver, its first part on top.
    "d3dkmt_kmd_driver_version" KmdDriverVersion {
        driver_version: U64,
    }

    /// Type 60: the adapter's GUID in braces, UTF-16 with a zero at the end.
    "d3dkmt_query_adapter_unique_guid" QueryAdapterUniqueGuid {
        adapter_unique_guid: [u8; 80],
    }

    /// Type 61: clocks (Hz) and voltages (mV) of one engine.
    "d3dkmt_node_perfdata" NodePerfData {
        node_ordinal: U32,
        physical_adapter_index: U32,
        frequency: U64,
        max_frequency: U64,
        max_frequency_oc: U64,
        voltage: U32,
        voltage_max: U32,
        voltage_max_oc: U32,
        padding: U32,
        max_transition_latency: U64,
    }

    /// Type 62: clocks (Hz), traffic, power (tenths of a percent) and temperature (tenths of a degree
    /// Celsius) of one physical adapter.
    "d3dkmt_adapter_perfdata" AdapterPerfData {
        physical_adapter_index: U32,
        padding: U32,
        memory_frequency: U64,
        max_memory_frequency: U64,
        max_memory_frequency_oc: U64,
        memory_bandwidth: U64,
        pcie_bandwidth: U64,
        fan_rpm: U32,
        power: U32,
        temperature: U32,
        power_state_override: u8,
        padding1: [u8; 3],
    }

    /// Type 63: the limits of [`AdapterPerfData`].
    "d3dkmt_adapter_perfdatacaps" AdapterPerfDataCaps {
        physical_adapter_index: U32,
        padding: U32,
        max_memory_bandwidth: U64,
        max_pcie_bandwidth: U64,
        max_fan_rpm: U32,
        temperature_max: U32,
        temperature_warning: U32,
        padding1: U32,
    }

    /// Type 64: firmware and architecture of one physical adapter, UTF-16 with a zero at the end.
    "d3dkmt_gpuversion" GpuVersion {
        physical_adapter_index: U32,
        bios_version: [u8; 64],
        gpu_architecture: [u8; 64],
    }

    /// Types 65 and 66: the driver's name for the adapter, UTF-16 with a zero at the end.
    "d3dkmt_driver_description" DriverDescription {
        driver_description: [u8; 8192],
    }

    /// Type 68: what the virtual machine is.
    "d3dkmt_paravirtualization" Paravirtualization {
        secure_container: u8,
    }

    /// Type 70: what came with WDDM 2.7.
    "d3dkmt_wddm_2_7_caps" Wddm27Caps {
        value: U32,
    }

    /// Type 75: what came with WDDM 2.9.
    "d3dkmt_wddm_2_9_caps" Wddm29Caps {
        value: U32,
    }

    /// Type 76: what adapters can do with each other's resources.
    "d3dkmt_crossadapterresource_support" CrossAdapterResourceSupport {
        support_tier: U32,
    }

    /// Type 77: what came with WDDM 3.0.
    "d3dkmt_wddm_3_0_caps" Wddm30Caps {
        value: U32,
    }

    /// Type 80: what came with WDDM 3.1.
    "d3dkmt_wddm_3_1_caps" Wddm31Caps {
        value: U32,
    }
}

impl Wddm12Caps {
    /// Either granularity: not at all.
    pub const PREEMPTION_NONE: u32 = 0;
    /// Graphics: between command buffers.
    pub const GRAPHICS_DMA_BUFFER_BOUNDARY: u32 = 100;
    /// Compute: between commands.
    pub const COMPUTE_DISPATCH_BOUNDARY: u32 = 200;
    /// `value`: an engine is reset without the others.
    pub const SUPPORT_PER_ENGINE_TDR: u32 = 1 << 2;
}

impl Wddm13Caps {
    /// `value`: shares the machine's memory.
    pub const IS_HYBRID_INTEGRATED_GPU: u32 = 1 << 1;
    /// `value`: has memory of its own.
    pub const IS_HYBRID_DISCRETE_GPU: u32 = 1 << 2;
}

impl Wddm20Caps {
    /// `value`: each process has GPU addresses of its own.
    pub const GPU_MMU_SUPPORTED: u32 = 1 << 1;
    /// `value`: the adapter may go at any time.
    pub const SUPPORT_SURPRISE_REMOVAL: u32 = 1 << 5;
}

impl NodeMetadata {
    /// `flags`: the hardware schedules contexts.
    pub const CONTEXT_SCHEDULING_SUPPORTED: u32 = 1 << 0;
    /// `flags`: an escape builds command buffers for tests.
    pub const SUPPORT_BUILD_TEST_COMMAND_BUFFER: u32 = 1 << 4;
}

impl QueryGpuMmuCaps {
    /// `flags`: pages can be mapped for reading only.
    pub const READ_ONLY_MEMORY_SUPPORTED: u32 = 1 << 0;
    /// `flags`: the adapter sees what the CPU's caches hold.
    pub const CACHE_COHERENT_MEMORY_SUPPORTED: u32 = 1 << 2;
}

impl QueryRegistryInfo {
    /// Where the output starts.
    pub const OUTPUT_OFFSET: usize = 544;
    /// `query_flags`: a path of the host becomes one of the guest.
    pub const TRANSLATE_PATH: u32 = 1 << 0;
    /// `status`: the output is there.
    pub const STATUS_SUCCESS: u32 = 0;
    /// `status`: there is no room for the output, only its size is there.
    pub const STATUS_BUFFER_OVERFLOW: u32 = 1;
}

impl Wddm27Caps {
    /// `value`: the hardware can schedule.
    pub const HW_SCH_SUPPORTED: u32 = 1 << 0;
    /// `value`: it does.
    pub const HW_SCH_ENABLED: u32 = 1 << 1;
    /// `value`: it does unless told otherwise.
    pub const HW_SCH_ENABLED_BY_DEFAULT: u32 = 1 << 2;
}

impl Wddm29Caps {
    /// `value`, the two lowest bits: the driver's support of hardware scheduling is stable.
    pub const HW_SCH_SUPPORT_STABLE: u32 = 2;
    /// `value`: the hardware schedules.
    pub const HW_SCH_ENABLED: u32 = 1 << 2;
}
