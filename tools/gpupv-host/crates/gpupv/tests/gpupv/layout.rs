// SPDX-License-Identifier: GPL-2.0
//! The layouts of `wire` and the table of commands against the tables of the specification.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;

use gpupv::command;
use gpupv::wire::message::{Field, Layout};
use gpupv::wire::query_data::*;
use gpupv::wire::statistics::{ProcessNodeInformation, SegmentInformation};
use gpupv::wire::*;
use gpupv::{NtStatus, GLOBAL_CLASS, VGPU_CLASS};

/// The rows of a table of the specification.
pub fn table(file: &str) -> Vec<Vec<String>> {
    let path = format!(
        "{}/../../../../Documentation/spec/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

fn field_size<S, F>(_: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

type Ours = BTreeMap<&'static str, (usize, BTreeMap<&'static str, (usize, usize)>)>;

/// `fields` are compared with the table's; `padding` must not be in the table.
macro_rules! ours {
    ($map:ident, $name:literal = $type:ty { $($field:literal = $($path:ident).+),* $(,)? }) => {
        let mut fields: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
        $(fields.insert(
            $field,
            (offset_of!($type, $($path).+), field_size::<$type, _>(|s| &s.$($path).+)),
        );)*
        $map.insert($name, (size_of::<$type>(), fields));
    };
}

fn ours() -> Ours {
    let mut map = Ours::new();
    ours!(map, "winluid" = Luid { "a" = a, "b" = b });
    ours!(map, "dxgvmb_ext_header" = ExtendedHeader {
        "command_offset" = command_offset, "reserved" = reserved, "vgpu_luid" = vgpu_luid,
    });
    for name in ["dxgkvmb_command_vm_to_host", "dxgkvmb_command_vgpu_to_host"] {
        ours!(map, "" = CommandHeader {
            "command_id" = command_id, "process" = process, "channel_type" = channel_type,
            "command_type" = command_type,
        });
        let header = map.remove("").unwrap();
        map.insert(name, header);
    }
    ours!(map, "dxgkvmb_command_createprocess" = CreateProcess {
        "hdr" = hdr, "process" = process, "process_id" = process_id,
        "process_name" = process_name, "linux_process" = flags,
    });
    ours!(map, "dxgkvmb_command_createprocess_return" = CreateProcessReturn {
        "hprocess" = hprocess,
    });
    ours!(map, "dxgkvmb_command_destroyprocess" = DestroyProcess { "hdr" = hdr });
    ours!(map, "dxgkvmb_command_setiospaceregion" = SetIoSpaceRegion {
        "hdr" = hdr, "start" = start, "length" = length, "shared_page_gpadl" = shared_page_gpadl,
    });
    ours!(map, "dxgkvmb_command_openadapter" = OpenAdapter {
        "hdr" = hdr, "vmbus_interface_version" = vmbus_interface_version,
        "vmbus_last_compatible_interface_version" = vmbus_last_compatible_interface_version,
        "guest_adapter_luid" = guest_adapter_luid,
    });
    ours!(map, "dxgkvmb_command_openadapter_return" = OpenAdapterReturn {
        "host_adapter_handle" = host_adapter_handle, "status" = status,
        "vmbus_interface_version" = vmbus_interface_version,
        "vmbus_last_compatible_interface_version" = vmbus_last_compatible_interface_version,
    });
    ours!(map, "dxgkvmb_command_closeadapter" = CloseAdapter {
        "hdr" = hdr, "host_handle" = host_handle,
    });
    ours!(map, "dxgkvmb_command_getinternaladapterinfo" = GetInternalAdapterInfo { "hdr" = hdr });
    ours!(map, "dxgkvmb_command_getinternaladapterinfo_return" = GetInternalAdapterInfoReturn {
        "device_types" = device_types, "driver_store_copy_mode" = driver_store_copy_mode,
        "driver_ddi_version" = driver_ddi_version, "async_msg_enabled" = flags,
        "host_adapter_luid" = host_adapter_luid, "device_description" = device_description,
        "device_instance_id" = device_instance_id, "host_vgpu_luid" = host_vgpu_luid,
    });
    ours!(map, "dxgkvmb_command_queryadapterinfo" = QueryAdapterInfo {
        "hdr" = hdr, "query_type" = query_type, "private_data_size" = private_data_size,
        "private_data" = private_data,
    });
    ours!(map, "dxgkvmb_command_queryvideomemoryinfo" = QueryVideoMemoryInfo {
        "hdr" = hdr, "adapter" = adapter, "memory_segment_group" = memory_segment_group,
        "physical_adapter_index" = physical_adapter_index,
    });
    ours!(map, "dxgkvmb_command_queryvideomemoryinfo_return" = QueryVideoMemoryInfoReturn {
        "budget" = budget, "current_usage" = current_usage,
        "current_reservation" = current_reservation,
        "available_for_reservation" = available_for_reservation,
    });
    for name in [
        "dxgkvmb_command_isfeatureenabled",
        "dxgkvmb_command_isfeatureenabled_gbl",
    ] {
        ours!(map, "" = IsFeatureEnabled { "hdr" = hdr, "feature_id" = feature_id });
        let request = map.remove("").unwrap();
        map.insert(name, request);
    }
    ours!(map, "dxgkvmb_command_isfeatureenabled_return" = IsFeatureEnabledReturn {
        "status" = status,
        "descriptor.min_supported_version" = min_supported_version,
        "descriptor.max_supported_version" = max_supported_version,
        "descriptor.supported" = descriptor_flags,
        "result.version" = version, "result.enabled" = result_flags,
        "result.value" = result_flags,
    });
    map
}

/// A bit field "name:lowest:width" without its bits.
fn without_bits(field: &str) -> (&str, Option<(u32, u32)>) {
    let mut parts = field.split(':');
    let name = parts.next().unwrap();
    let mut number = || parts.next().map(|text| text.parse().unwrap());
    (name, number().zip(number()))
}

#[test]
fn structs_are_laid_out_as_specified() {
    let ours = ours();
    let mut seen = BTreeSet::new();
    let mut fields_seen = BTreeSet::new();
    for line in table("gpupv-layout.csv") {
        let [name, size, field, offset, field_size] = &line[..] else {
            panic!("{line:?}");
        };
        let Some((our_size, our_fields)) = ours.get(name.as_str()) else {
            continue;
        };
        assert_eq!(our_size.to_string(), *size, "size of {name}");
        seen.insert(name.clone());
        let (field, bits) = without_bits(field);
        let (offset, field_size): (usize, usize) =
            (offset.parse().unwrap(), field_size.parse().unwrap());
        let found = our_fields.get(field).copied().or_else(|| {
            // A bit field lies in the word that another of its bits is listed for; a struct within
            // a struct lies over its own members.
            let over = our_fields.values().find(|(at, _)| *at == offset).copied();
            (bits.is_some() || ["descriptor", "result"].contains(&field))
                .then(|| {
                    over.map(|(at, size)| (at, if bits.is_some() { size } else { field_size }))
                })
                .flatten()
        });
        assert_eq!(found, Some((offset, field_size)), "{name}.{field}");
        fields_seen.insert((name.clone(), field.to_owned()));
    }
    for (name, (_, fields)) in &ours {
        assert!(seen.contains(*name), "{name} is not in the table");
        for field in fields.keys() {
            let key = ((*name).to_owned(), (*field).to_owned());
            assert!(
                fields_seen.contains(&key),
                "{name}.{field} is not in the table"
            );
        }
    }
}

/// What the specification's table has for a struct: size, and (name, offset, size) of the fields.
fn specified(name: &str, lines: &[Vec<String>]) -> (usize, Vec<(String, usize, usize)>) {
    let lines: Vec<_> = lines.iter().filter(|line| line[0] == name).collect();
    let size = lines.first().expect(name)[1].parse().unwrap();
    let fields = lines.iter().map(|line| {
        let field = without_bits(&line[2]).0.replace("[]", "");
        (field, line[3].parse().unwrap(), line[4].parse().unwrap())
    });
    (size, fields.collect())
}

#[test]
fn messages_are_laid_out_as_specified() {
    check_layouts(&table("gpupv-layout.csv"), gpupv::wire::layouts());
}

#[test]
fn data_of_queries_and_statistics_are_laid_out_as_specified() {
    let lines = table("query-layout.csv");
    check_layouts(&lines, gpupv::wire::data_layouts());
    let ours: BTreeSet<&str> = gpupv::wire::data_layouts().map(|l| l.name).collect();
    // The same structure under two names, or a part of one.
    let others = [
        "d3dkmt_querystatistics_query_adapter2",
        "d3dkmt_querystatistics_query_process_segment_group2",
        "d3dkmt_querystatistics_query_segment_usage",
    ];
    for line in &lines {
        let name = line[0].as_str();
        assert!(ours.contains(name) || others.contains(&name), "{name}");
    }
}

/// Every field of every layout has a row, and no row lies in padding.
fn check_layouts<'a>(lines: &[Vec<String>], layouts: impl Iterator<Item = &'a Layout>) {
    for layout in layouts {
        let name = layout.name;
        let (size, fields) = specified(name, lines);
        assert_eq!(layout.size, size, "size of {name}");
        let (padding, ours): (Vec<&Field>, Vec<&Field>) = layout
            .fields
            .iter()
            .partition(|field| field.name.starts_with("padding"));
        for field in &ours {
            let named = field.name;
            let found = fields.iter().any(|(theirs, offset, size)| {
                theirs.rsplit('.').next() == Some(named)
                    && (*offset, *size) == (field.offset, field.size)
            });
            assert!(found, "{name}.{named} at {}", field.offset);
        }
        for (theirs, offset, size) in &fields {
            let in_padding = padding
                .iter()
                .any(|pad| pad.offset <= *offset && offset + size <= pad.offset + pad.size);
            assert!(!in_padding, "{name}.{theirs} lies in padding");
        }
    }
}

/// The bits of a bit field in its word.
fn bit_mask(lines: &[Vec<String>], structure: &str, wanted: &str) -> u32 {
    let line = lines.iter().find(|line| {
        line[0] == structure && without_bits(&line[2]).0 == wanted && line[2] != wanted
    });
    let (lowest, width) = without_bits(&line.expect(wanted)[2]).1.unwrap();
    ((1u64 << (lowest + width)) - (1 << lowest)) as u32
}

#[test]
fn bits_of_the_data_are_where_they_are_specified() {
    let lines = table("query-layout.csv");
    let properties = "d3dkmt_querystatistics_segment_information";
    for (structure, name, bits) in [
        (
            "d3dkmt_wddm_1_2_caps",
            "support_per_engine_tdr",
            Wddm12Caps::SUPPORT_PER_ENGINE_TDR,
        ),
        (
            "d3dkmt_wddm_1_3_caps",
            "is_hybrid_integrated_gpu",
            Wddm13Caps::IS_HYBRID_INTEGRATED_GPU,
        ),
        (
            "d3dkmt_wddm_1_3_caps",
            "is_hybrid_discrete_gpu",
            Wddm13Caps::IS_HYBRID_DISCRETE_GPU,
        ),
        (
            "d3dkmt_wddm_2_0_caps",
            "gpu_mmu_supported",
            Wddm20Caps::GPU_MMU_SUPPORTED,
        ),
        (
            "d3dkmt_wddm_2_0_caps",
            "support_surprise_removal",
            Wddm20Caps::SUPPORT_SURPRISE_REMOVAL,
        ),
        (
            "d3dkmt_nodemetadata",
            "node_data.context_scheduling_supported",
            NodeMetadata::CONTEXT_SCHEDULING_SUPPORTED,
        ),
        (
            "d3dkmt_nodemetadata",
            "node_data.support_build_test_command_buffer",
            NodeMetadata::SUPPORT_BUILD_TEST_COMMAND_BUFFER,
        ),
        (
            "d3dkmt_query_gpummu_caps",
            "caps.read_only_memory_supported",
            QueryGpuMmuCaps::READ_ONLY_MEMORY_SUPPORTED,
        ),
        (
            "d3dkmt_query_gpummu_caps",
            "caps.cache_coherent_memory_supported",
            QueryGpuMmuCaps::CACHE_COHERENT_MEMORY_SUPPORTED,
        ),
        (
            "d3dddi_queryregistry_info",
            "translate_path",
            QueryRegistryInfo::TRANSLATE_PATH,
        ),
        (
            "d3dkmt_wddm_2_7_caps",
            "hw_sch_supported",
            Wddm27Caps::HW_SCH_SUPPORTED,
        ),
        (
            "d3dkmt_wddm_2_7_caps",
            "hw_sch_enabled",
            Wddm27Caps::HW_SCH_ENABLED,
        ),
        (
            "d3dkmt_wddm_2_7_caps",
            "hw_sch_enabled_by_default",
            Wddm27Caps::HW_SCH_ENABLED_BY_DEFAULT,
        ),
        (
            "d3dkmt_wddm_2_9_caps",
            "hw_sch_enabled",
            Wddm29Caps::HW_SCH_ENABLED,
        ),
        (
            properties,
            "system_memory",
            SegmentInformation::SYSTEM_MEMORY as u32,
        ),
        (
            properties,
            "segment_type",
            0xF << SegmentInformation::SEGMENT_TYPE_SHIFT,
        ),
        (
            properties,
            "segment_group",
            3 << SegmentInformation::SEGMENT_GROUP_SHIFT,
        ),
        (
            properties,
            "fully_cpu_visible",
            SegmentInformation::FULLY_CPU_VISIBLE as u32,
        ),
    ] {
        assert_eq!(
            bit_mask(&lines, structure, name),
            bits,
            "{structure}.{name}"
        );
    }
    let support = bit_mask(&lines, "d3dkmt_wddm_2_9_caps", "hw_sch_support_state");
    assert_eq!(support & Wddm29Caps::HW_SCH_SUPPORT_STABLE, 2);
    // Where the output of a registry query starts is where its first field is.
    let (_, fields) = specified("d3dddi_queryregistry_info", &lines);
    let output = fields.iter().find(|(name, ..)| name == "output_qword");
    assert_eq!(output.unwrap().1, QueryRegistryInfo::OUTPUT_OFFSET);
    let kinds = [
        ProcessNodeInformation::QUEUE_RENDER,
        ProcessNodeInformation::QUEUE_WAIT,
        ProcessNodeInformation::QUEUE_SIGNAL,
    ];
    assert_eq!(kinds, [0, 4, 5]);
}

#[test]
fn bits_are_where_they_are_specified() {
    let lines = table("gpupv-layout.csv");
    let bits = |structure: &str, wanted: &str| -> u32 { bit_mask(&lines, structure, wanted) };
    let info = "dxgkvmb_command_getinternaladapterinfo_return";
    type Info = GetInternalAdapterInfoReturn;
    assert_eq!(
        bits(info, "secure_virtual_machine"),
        Info::SECURE_VIRTUAL_MACHINE
    );
    assert_eq!(bits(info, "hw_sch_enabled"), Info::HW_SCH_ENABLED);
    assert_eq!(bits(info, "hw_sch_capable"), Info::HW_SCH_CAPABLE);
    assert_eq!(bits(info, "async_msg_enabled"), Info::ASYNC_MSG_ENABLED);
    assert_eq!(
        bits("dxgk_device_types", "virtual_render_device"),
        Info::VIRTUAL_RENDER_DEVICE
    );
    assert_eq!(
        bits("dxgkvmb_command_vgpu_to_host", "async_msg"),
        CommandHeader::ASYNC_MESSAGE
    );
    assert_eq!(
        bits("dxgkvmb_command_createprocess", "linux_process"),
        u32::from(CreateProcess::LINUX_PROCESS)
    );
    let feature = "dxgkvmb_command_isfeatureenabled_return";
    type Feature = IsFeatureEnabledReturn;
    for (name, bit) in [
        ("descriptor.supported", Feature::DESCRIPTOR_SUPPORTED),
        ("descriptor.global", Feature::DESCRIPTOR_GLOBAL),
        (
            "descriptor.driver_feature",
            Feature::DESCRIPTOR_DRIVER_FEATURE,
        ),
        ("result.enabled", Feature::RESULT_ENABLED),
        ("result.known_feature", Feature::RESULT_KNOWN_FEATURE),
        (
            "result.supported_by_driver",
            Feature::RESULT_SUPPORTED_BY_DRIVER,
        ),
        (
            "result.supported_on_config",
            Feature::RESULT_SUPPORTED_ON_CONFIG,
        ),
    ] {
        assert_eq!(bits(feature, name), u32::from(bit), "{name}");
    }
}

fn constants(group: &str) -> BTreeMap<String, String> {
    table("gpupv-constants.csv")
        .into_iter()
        .filter(|line| line[0] == group)
        .map(|line| (line[1].clone(), line[2].clone()))
        .collect()
}

#[test]
fn commands_are_numbered_as_specified() {
    for (group, family, count) in [
        ("dxgkvmb_commandtype_global", ChannelType::VmToHost, 14),
        ("dxgkvmb_commandtype", ChannelType::VgpuToHost, 68),
    ] {
        let mut known: BTreeMap<String, u32> = BTreeMap::new();
        for info in command::all(family) {
            known.insert(info.name.to_owned(), info.number);
            assert_eq!(command::find(family, info.number).unwrap().name, info.name);
        }
        let specified: BTreeMap<String, u32> = constants(group)
            .into_iter()
            .map(|(name, number)| {
                let name = name.to_uppercase().replace("DXGK_VMBCOMMAND_", "");
                (name, number.parse().unwrap())
            })
            .filter(|(name, _)| !name.starts_with("INVALID_") && name != "INVALID")
            .filter(|(name, _)| name != "VM_TO_HOST_FIRST")
            .collect();
        assert_eq!(known, specified);
        assert_eq!(known.len(), count);
    }
}

#[test]
fn statuses_and_classes_are_as_specified() {
    let statuses = constants("ntstatus");
    for (name, status) in [
        ("STATUS_SUCCESS", NtStatus::SUCCESS),
        ("STATUS_PENDING", NtStatus::PENDING),
        ("STATUS_NO_MEMORY", NtStatus::NO_MEMORY),
        ("STATUS_INVALID_HANDLE", NtStatus::INVALID_HANDLE),
        ("STATUS_INVALID_PARAMETER", NtStatus::INVALID_PARAMETER),
        ("STATUS_BUFFER_TOO_SMALL", NtStatus::BUFFER_TOO_SMALL),
        (
            "STATUS_OBJECT_NAME_NOT_FOUND",
            NtStatus::OBJECT_NAME_NOT_FOUND,
        ),
        (
            "STATUS_OBJECT_TYPE_MISMATCH",
            NtStatus::OBJECT_TYPE_MISMATCH,
        ),
        ("STATUS_NOT_SUPPORTED", NtStatus::NOT_SUPPORTED),
        ("STATUS_DEVICE_REMOVED", NtStatus::DEVICE_REMOVED),
    ] {
        assert_eq!(statuses[name], format!("{:#010x}", status.0), "{name}");
    }
    let classes = constants("vmbus_class_guid");
    assert_eq!(classes["global"], GLOBAL_CLASS.to_string());
    assert_eq!(classes["vgpu"], VGPU_CLASS.to_string());
    let bytes = constants("vmbus_class_guid_bytes");
    let hex = |bytes: [u8; 16]| bytes.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(bytes["global"], hex(GLOBAL_CLASS.to_bytes_le()));
    assert_eq!(bytes["vgpu"], hex(VGPU_CLASS.to_bytes_le()));
}

#[test]
fn failures_are_as_long_and_have_the_status_where_the_replies_have_it() {
    let structures: Vec<Vec<String>> = table("gpupv-layout.csv");
    let mut checked = 0;
    let commands = command::all(ChannelType::VmToHost)
        .iter()
        .chain(command::all(ChannelType::VgpuToHost));
    for info in commands {
        let command::Failure::Status { at, len } = info.failure else {
            continue;
        };
        let name = format!("dxgkvmb_command_{}_return", info.name.to_lowercase());
        for line in structures.iter().filter(|line| line[0] == name) {
            assert_eq!(line[1], len.to_string(), "size of {name}");
            if line[2] == "status" {
                assert_eq!(line[3], at.to_string(), "status of {name}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 12, "{checked}");
}
