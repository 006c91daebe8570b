// SPDX-License-Identifier: GPL-2.0

//! Structs, request numbers and constants against the specification of the interface.

use dxg::{
    uapi::{adapter::*, compute::*, query::*, statistics::*, Request},
    Errno, Feature, Luid, NtStatus, SegmentGroup,
};
use std::{collections::BTreeMap, mem::offset_of};

fn specification(file: &str) -> csv::Reader<std::fs::File> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../Documentation/spec/"
    );
    let path = format!("{folder}{file}");
    csv::Reader::from_path(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Offset and size of the fields of a struct, by name, and the size of the struct.
type Layout = (usize, BTreeMap<String, (usize, usize)>);

fn specified(name: &str) -> Layout {
    specified_in("uapi-layout.csv", name)
}

/// The layout of a structure that the driver forwards unread. Its fields have no dots: those of a
/// structure within it have their own name.
fn specified_data(name: &str) -> Layout {
    let (size, fields) = specified_in("query-layout.csv", name);
    let last = |name: String| name.rsplit('.').next().unwrap_or_default().to_owned();
    let fields = fields.into_iter().map(|(name, field)| (last(name), field));
    (size, fields.collect())
}

fn specified_in(file: &str, name: &str) -> Layout {
    let mut layout = Layout::default();
    for row in specification(file).into_records() {
        let row = row.expect("readable row");
        // Bit fields are written `name:first:width`; they are compared as constants.
        if &row[0] != name || row[2].contains(':') {
            continue;
        }
        let number = |column: usize| row[column].parse::<usize>().expect("number");
        layout.0 = number(1);
        layout.1.insert(row[2].to_owned(), (number(3), number(4)));
    }
    assert!(layout.0 > 0, "{name} is not in the specification");
    layout
}

/// The constants of a group, as far as they are numbers.
fn constants(group: &str) -> BTreeMap<String, u64> {
    let mut constants = BTreeMap::new();
    for row in specification("uapi-constants.csv").into_records() {
        let row = row.expect("readable row");
        let value = match row[2].strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => row[2].parse(),
        };
        if let (true, Ok(value)) = (row[0].starts_with(group), value) {
            constants.insert(row[1].to_owned(), value);
        }
    }
    assert!(!constants.is_empty(), "no group {group}");
    constants
}

fn size_of_field<S, F>(_: fn(S) -> F) -> usize {
    size_of::<F>()
}

/// Compares one struct; `pads` are bytes the specification leaves unnamed.
macro_rules! layout {
    ($name:literal, $($rest:tt)*) => {
        layout!(@ specified, $name, $($rest)*)
    };
    (@ $find:ident, $name:literal, $type:ty { $($field:tt $(as $specified:literal)?),* }
        $(pads $($pad:tt)+)?) => {{
        let fields = [$((
            [$($specified,)? stringify!($field).trim_start_matches("r#")][0].to_owned(),
            (offset_of!($type, $field), size_of_field(|value: $type| value.$field)),
        )),*];
        let ours: Layout = (size_of::<$type>(), fields.into());
        assert_eq!(ours, $find($name), "{}", $name);
        let named: usize = ours.1.values().map(|(_, size)| size).sum();
        let padding = 0 $($(+ size_of_field(|value: $type| value.$pad))+)?;
        assert_eq!(named + padding, ours.0, "{}: every byte is a field", $name);
    }};
}

#[test]
fn structs_have_the_specified_layout() {
    layout!("d3dkmthandle", Handle { 0 as "v" });
    layout!("winluid", Luid { a, b });
    layout!(
        "d3dkmt_adapterinfo",
        AdapterInfo {
            adapter_handle,
            adapter_luid,
            num_sources,
            present_move_regions_preferred
        }
    );
    layout!(
        "d3dkmt_enumadapters3",
        EnumAdapters3 {
            filter,
            adapter_count,
            reserved,
            adapters
        }
    );
    layout!(
        "d3dkmt_openadapterfromluid",
        OpenAdapterFromLuid {
            adapter_luid,
            adapter_handle
        }
    );
    layout!("d3dkmt_closeadapter", CloseAdapter { adapter_handle });
    layout!(
        "d3dkmt_queryadapterinfo",
        QueryAdapterInfo { adapter, r#type, private_data, private_data_size } pads padding
    );
    layout!(
        "d3dkmt_queryvideomemoryinfo",
        QueryVideoMemoryInfo {
            process, adapter, memory_segment_group, budget, current_usage, current_reservation,
            available_for_reservation, physical_adapter_index
        } pads padding
    );
    layout!(
        "d3dkmt_enumprocesses",
        EnumProcesses {
            adapter_luid,
            buffer,
            buffer_count
        }
    );
    layout!(
        "dxgk_isfeatureenabled_result",
        IsFeatureEnabledResult { version, value }
    );
    layout!(
        "d3dkmt_isfeatureenabled",
        IsFeatureEnabled {
            adapter,
            feature_id,
            result
        }
    );
    layout!("d3dkmt_adaptertype", AdapterType { value });
}

#[test]
fn structs_for_computing_have_the_specified_layout() {
    layout!("d3dkmt_destroydevice", DestroyDevice { device });
    layout!("d3dkmt_destroycontext", DestroyContext { context });
    layout!(
        "d3dkmt_createcontextvirtual",
        CreateContextVirtual {
            device, node_ordinal, engine_affinity, flags, priv_drv_data, priv_drv_data_size,
            client_hint, context
        } pads padding
    );
    layout!(
        "d3dkmt_createpagingqueue",
        CreatePagingQueue {
            device, priority, paging_queue, sync_object, fence_cpu_virtual_address,
            physical_adapter_index
        } pads padding
    );
    layout!(
        "d3dddi_destroypagingqueue",
        DestroyPagingQueue { paging_queue }
    );
    layout!(
        "d3dkmt_destroysynchronizationobject",
        DestroySynchronizationObject { sync_object }
    );
    layout!(
        "d3dkmt_waitforsynchronizationobjectfromcpu",
        WaitFromCpu { device, object_count, objects, fence_values, async_event, flags } pads padding
    );
    layout!(
        "d3dkmt_destroyallocation2",
        DestroyAllocation {
            device,
            resource,
            allocations,
            alloc_count,
            flags
        }
    );
    layout!(
        "d3dkmt_lock2",
        Lock {
            device,
            allocation,
            flags,
            reserved,
            data
        }
    );
    layout!("d3dkmt_unlock2", Unlock { device, allocation });
    layout!(
        "d3dddi_makeresident",
        MakeResident {
            paging_queue, alloc_count, allocation_list, priority_list, flags, paging_fence_value,
            num_bytes_to_trim
        } pads padding
    );
    layout!(
        "d3dkmt_freegpuvirtualaddress",
        FreeGpuVirtualAddress {
            adapter,
            reserved,
            base_address,
            size
        }
    );
}

#[test]
fn data_of_queries_has_the_specified_layout() {
    layout!(@ specified_data, "d3dkmt_segmentsizeinfo", SegmentSizes {
        dedicated_video as "dedicated_video_memory_size",
        dedicated_system as "dedicated_system_memory_size",
        shared_system as "shared_system_memory_size"
    });
    layout!(@ specified_data, "d3dkmt_adapteraddress", AdapterAddress {
        bus as "bus_number", device as "device_number", function as "function_number"
    });
    layout!(@ specified_data, "d3dkmt_adapterregistryinfo", AdapterRegistryInfo {
        adapter_string, bios_string, dac_type, chip_type
    });
    layout!(@ specified_data, "d3dkmt_driver_description", DriverDescription {
        description as "driver_description"
    });
    layout!(@ specified_data, "d3dkmt_physical_adapter_count", PhysicalAdapterCount { count });
    layout!(@ specified_data, "d3dkmt_query_device_ids", PhysicalAdapterDeviceIds {
        physical_adapter_index, vendor as "vendor_id", device as "device_id",
        sub_vendor as "sub_vendor_id", sub_system as "sub_system_id", revision as "revision_id",
        bus_type
    });
    layout!(@ specified_data, "d3dkmt_nodemetadata", NodeMetadata {
        node as "node_ordinal_and_adapter_index", engine_type, friendly_name, flags,
        gpu_mmu as "gpu_mmu_supported", io_mmu as "io_mmu_supported"
    });
    layout!(@ specified_data, "d3dkmt_kmd_driver_version", KmdDriverVersion {
        version as "driver_version"
    });
}

#[test]
fn statistics_have_the_specified_layout() {
    let (size, fields) = specified("d3dkmt_querystatistics");
    assert_eq!(size_of::<QueryStatistics>(), size);
    for (name, offset) in [
        ("type", offset_of!(QueryStatistics, r#type)),
        ("adapter_luid", offset_of!(QueryStatistics, adapter_luid)),
        ("process", offset_of!(QueryStatistics, process)),
        ("result", offset_of!(QueryStatistics, result)),
    ] {
        assert_eq!(fields[name].0, offset, "{name}");
    }
    // What is asked about stands behind the result.
    let (offset, size) = fields["result"];
    assert_eq!(size, RESULT_SIZE);
    assert_eq!(offset_of!(QueryStatistics, selector), offset + size);

    layout!(@ specified_data, "d3dkmt_querystatistics_process_node_information",
        ProcessNodeInformation {
            running_time, context_switch, preemption_statistics, queue_packet, dma_packet, reserved
        } pads padding);
    layout!(@ specified_data, "d3dkmt_node_perfdata", NodePerfData {
        node_ordinal, physical_adapter_index, frequency, max_frequency, max_frequency_oc, voltage,
        voltage_max, voltage_max_oc, max_transition_latency
    } pads padding);
    layout!(@ specified_data, "d3dkmt_querystatistics_node_information", NodeInformation {
        global_information, system_information, node_perf_data, reserved
    } pads padding);
    layout!(@ specified_data, "d3dkmt_querystatistics_process_segment_group_information",
        ProcessSegmentGroupInformation { budget, requested, usage, demoted });
    layout!(@ specified_data, "d3dkmt_querystatistics_memory_usage", MemoryUsage {
        allocated_bytes, free_bytes, zero_bytes, modified_bytes, standby_bytes
    });
}

/// Structs with unions, arrays or several paddings: the fields that are used.
#[test]
fn fields_for_computing_are_where_they_belong() {
    macro_rules! fields {
        ($name:literal, $type:ty { $($field:ident as $specified:literal),* }) => {{
            let (size, fields) = specified($name);
            assert_eq!(size_of::<$type>(), size, "{}", $name);
            $(assert_eq!(offset_of!($type, $field), fields[$specified].0, $specified);)*
        }};
    }
    fields!("d3dkmt_createdevice", CreateDevice {
        adapter as "adapter", device as "device", legacy as "command_buffer"
    });
    fields!("d3dkmt_getdevicestate", GetDeviceState {
        device as "device", state_type as "state_type", state as "page_fault_state"
    });
    fields!("d3dkmt_devicepagefault_state", PageFaultState {
        page_fault_flags as "page_fault_flags", fault_error_code as "fault_error_code",
        faulted_virtual_address as "faulted_virtual_address"
    });
    fields!("d3dkmt_createsynchronizationobject2", CreateSynchronizationObject {
        device as "device", r#type as "info", sync_object as "sync_object"
    });
    let (_, info) = specified("d3dddi_synchronizationobjectinfo2");
    let start = offset_of!(CreateSynchronizationObject, r#type);
    assert_eq!(
        offset_of!(CreateSynchronizationObject, fence_gpu_virtual_address) - start,
        info["monitored_fence.fence_gpu_virtual_address"].0
    );
    fields!("d3dkmt_createallocation", CreateAllocation {
        device as "device", priv_drv_data as "priv_drv_data", alloc_count as "alloc_count",
        allocation_info as "allocation_info", flags as "flags",
        private_runtime_resource_handle as "private_runtime_resource_handle"
    });
    fields!("d3dddi_allocationinfo2", AllocationInfo {
        allocation as "allocation", sysmem as "sysmem", priv_drv_data as "priv_drv_data",
        priv_drv_data_size as "priv_drv_data_size", flags as "flags", unused as "unused"
    });
    fields!("d3dddi_mapgpuvirtualaddress", MapGpuVirtualAddress {
        paging_queue as "paging_queue", allocation as "allocation",
        size_in_pages as "size_in_pages", protection as "protection",
        virtual_address as "virtual_address", paging_fence_value as "paging_fence_value"
    });
    fields!("d3dkmt_submitcommand", SubmitCommand {
        command_length as "command_length", broadcast_context as "broadcast_context[64]",
        priv_drv_data as "priv_drv_data", history_buffer_array as "history_buffer_array"
    });
}

#[test]
fn requests_for_computing_have_the_specified_numbers() {
    let requests = constants("ioctl_request");
    macro_rules! check {
        ($($type:ty: $name:literal),* $(,)?) => {
            $(assert_eq!(requests[$name], u64::from(<$type>::NUMBER), $name);)*
        };
    }
    check!(
        CreateDevice: "LX_DXCREATEDEVICE",
        DestroyDevice: "LX_DXDESTROYDEVICE",
        GetDeviceState: "LX_DXGETDEVICESTATE",
        CreateContextVirtual: "LX_DXCREATECONTEXTVIRTUAL",
        DestroyContext: "LX_DXDESTROYCONTEXT",
        CreatePagingQueue: "LX_DXCREATEPAGINGQUEUE",
        DestroyPagingQueue: "LX_DXDESTROYPAGINGQUEUE",
        CreateSynchronizationObject: "LX_DXCREATESYNCHRONIZATIONOBJECT",
        DestroySynchronizationObject: "LX_DXDESTROYSYNCHRONIZATIONOBJECT",
        WaitFromCpu: "LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU",
        CreateAllocation: "LX_DXCREATEALLOCATION",
        DestroyAllocation: "LX_DXDESTROYALLOCATION2",
        Lock: "LX_DXLOCK2",
        Unlock: "LX_DXUNLOCK2",
        MakeResident: "LX_DXMAKERESIDENT",
        MapGpuVirtualAddress: "LX_DXMAPGPUVIRTUALADDRESS",
        FreeGpuVirtualAddress: "LX_DXFREEGPUVIRTUALADDRESS",
        SubmitCommand: "LX_DXSUBMITCOMMAND",
    );
}

#[test]
fn requests_have_the_specified_numbers() {
    let requests = constants("ioctl_request");
    fn check<R: Request>(requests: &BTreeMap<String, u64>, name: &str, function: &str) {
        assert_eq!(requests[name], u64::from(R::NUMBER), "{name}");
        assert_eq!(R::FUNCTION, format!("D3DKMT{function}"));
    }
    check::<OpenAdapterFromLuid>(&requests, "LX_DXOPENADAPTERFROMLUID", "OpenAdapterFromLuid");
    check::<QueryAdapterInfo>(&requests, "LX_DXQUERYADAPTERINFO", "QueryAdapterInfo");
    check::<QueryVideoMemoryInfo>(
        &requests,
        "LX_DXQUERYVIDEOMEMORYINFO",
        "QueryVideoMemoryInfo",
    );
    check::<CloseAdapter>(&requests, "LX_DXCLOSEADAPTER", "CloseAdapter");
    check::<EnumAdapters3>(&requests, "LX_DXENUMADAPTERS3", "EnumAdapters3");
    check::<QueryStatistics>(&requests, "LX_DXQUERYSTATISTICS", "QueryStatistics");
    check::<EnumProcesses>(&requests, "LX_DXENUMPROCESSES", "EnumProcesses");
    check::<IsFeatureEnabled>(&requests, "LX_ISFEATUREENABLED", "IsFeatureEnabled");
}

/// A type of queries or statistics: name, structure and size of the data.
struct DataType {
    name: String,
    structure: String,
    size: usize,
}

fn data_types(query: &str) -> BTreeMap<u32, DataType> {
    let rows = specification("query-types.csv").into_records();
    let rows = rows.map(|row| row.expect("readable row"));
    let ours = rows.filter(|row| &row[0] == query);
    ours.map(|row| {
        let data = DataType {
            name: row[2].to_owned(),
            structure: row[3].to_owned(),
            size: row[4].parse().unwrap_or(0),
        };
        (row[1].parse().expect("number"), data)
    })
    .collect()
}

#[test]
fn query_numbers_and_sizes_are_those_of_windows() {
    let types = data_types("adapter");
    fn check<Q: AdapterQuery>(types: &BTreeMap<u32, DataType>) {
        let data = &types[&Q::TYPE];
        assert_eq!(data.name, Q::NAME);
        assert_eq!(size_of::<Q>(), data.size, "{}", Q::NAME);
    }
    check::<SegmentSizes>(&types);
    check::<AdapterAddress>(&types);
    check::<AdapterRegistryInfo>(&types);
    check::<DriverModel>(&types);
    check::<AdapterType>(&types);
    check::<NodeMetadata>(&types);
    check::<PhysicalAdapterCount>(&types);
    check::<PhysicalAdapterDeviceIds>(&types);
    check::<KmdDriverVersion>(&types);
    check::<DriverDescription>(&types);
    let named = constants("windows KMTQUERYADAPTERINFOTYPE");
    for (number, data) in &types {
        // libdxg does not have the newest one.
        let known = named.get(&data.name).copied();
        assert!(known.is_some() || *number == 80, "{}", data.name);
        assert_eq!(known.unwrap_or(80), u64::from(*number), "{}", data.name);
    }
}

#[test]
fn statistics_types_and_results_are_those_of_windows() {
    let types = data_types("statistics");
    fn check<R: StatisticsResult>(types: &BTreeMap<u32, DataType>, of: &[StatisticsType]) {
        for &what in of {
            let data = &types[&(what as u32)];
            assert_eq!(
                (data.name.as_str(), data.structure.as_str()),
                (what.name(), R::NAME)
            );
            assert_eq!(size_of::<R>(), data.size, "{}", R::NAME);
        }
    }
    use StatisticsType as Type;
    check::<NodeInformation>(&types, &[Type::Node, Type::Node2]);
    check::<ProcessNodeInformation>(&types, &[Type::ProcessNode, Type::ProcessNode2]);
    let groups = [Type::ProcessSegmentGroup, Type::ProcessSegmentGroup2];
    check::<ProcessSegmentGroupInformation>(&types, &groups);
    check::<MemoryUsage>(&types, &[Type::SegmentGroupUsage]);
}

#[test]
fn bits_have_the_specified_places() {
    let mut bits = constants("flags d3dkmt_adaptertype");
    bits.remove("reserved");
    let ours = AdapterType::NAMES.map(|(bit, name)| (name.to_owned(), u64::from(bit)));
    assert_eq!(BTreeMap::from(ours), bits);
    assert_eq!(
        bits["render_supported"],
        AdapterType::RENDER_SUPPORTED.into()
    );
    assert_eq!(bits["compute_only"], AdapterType::COMPUTE_ONLY.into());

    let filter = constants("flags d3dkmt_enumadapters_filter");
    assert_eq!(filter["include_compute_only"], FILTER_INCLUDE_COMPUTE_ONLY);
    assert_eq!(filter["include_display_only"], FILTER_INCLUDE_DISPLAY_ONLY);

    let feature = constants("flags dxgk_isfeatureenabled_result");
    assert_eq!(feature["enabled"], FEATURE_ENABLED.into());
    assert_eq!(feature["known_feature"], FEATURE_KNOWN.into());
    assert_eq!(
        feature["supported_by_driver"],
        FEATURE_SUPPORTED_BY_DRIVER.into()
    );
    assert_eq!(
        feature["supported_on_config"],
        FEATURE_SUPPORTED_ON_CONFIG.into()
    );
}

#[test]
fn limits_and_features_are_the_specified_ones() {
    let limits = constants("limit_driver");
    assert_eq!(limits["enumadapters3_max_count"], ENUM_ADAPTERS3_MAX.into());
    assert_eq!(limits["DXG_MAX_VM_BUS_PACKET_SIZE"], QUERY_SIZE_MAX as u64);
    let features = constants("enum dxgk_feature_id");
    for (name, feature) in [
        ("_DXGK_FEATURE_HWSCH", Feature::HARDWARE_SCHEDULING),
        (
            "_DXGK_FEATURE_PAGE_BASED_MEMORY_MANAGER",
            Feature::PAGE_BASED_MEMORY_MANAGER,
        ),
        (
            "_DXGK_FEATURE_KERNEL_MODE_TESTING",
            Feature::KERNEL_MODE_TESTING,
        ),
    ] {
        assert_eq!(features[name], feature.0.into());
    }
    assert_eq!(
        SegmentGroup::ALL.len(),
        constants("enum d3dkmt_memory_segment_group").len()
    );
}

#[test]
fn error_numbers_become_the_statuses_callers_expect() {
    let statuses = constants("ntstatus");
    let mut compared = 0;
    for row in specification("uapi-constants.csv").into_records() {
        let row = row.expect("readable row");
        if &row[0] != "errno_to_ntstatus_libdxg" {
            continue;
        }
        let errno = match &row[1] {
            "EEXIST" => libc::EEXIST,
            "ENOMEM" => libc::ENOMEM,
            "EINVAL" => libc::EINVAL,
            "ENOENT" => libc::ENOENT,
            "EAGAIN" => libc::EAGAIN,
            "EOVERFLOW" => libc::EOVERFLOW,
            "ENODEV" => libc::ENODEV,
            "EACCES" => libc::EACCES,
            "ENOSYS" => libc::ENOSYS,
            "EPERM" => libc::EPERM,
            "EOPNOTSUPP" => libc::EOPNOTSUPP,
            "EBADF" => libc::EBADF,
            "EINPROGRESS" => libc::EINPROGRESS,
            "EPROTOTYPE" => libc::EPROTOTYPE,
            "any other errno" => libc::EXDEV,
            other => panic!("{other} is not compared"),
        };
        let (_, status) = statuses
            .iter()
            .find(|(name, _)| name.split(' ').next() == Some(&row[2]))
            .unwrap_or_else(|| panic!("{} has no value", &row[2]));
        assert_eq!(
            u64::from(NtStatus::from(Errno(errno)).0),
            *status,
            "{}",
            &row[1]
        );
        compared += 1;
    }
    assert_eq!(compared, 15);
}
