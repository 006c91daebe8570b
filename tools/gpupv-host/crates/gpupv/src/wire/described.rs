// SPDX-License-Identifier: GPL-2.0
//! The layouts of the messages that are not defined along with them, for those who show messages.

use super::message::{plain_name, Field, Layout};
use super::{
    CloseAdapter, CreateProcess, CreateProcessReturn, DestroyProcess, GetInternalAdapterInfo,
    GetInternalAdapterInfoReturn, IsFeatureEnabled, IsFeatureEnabledReturn, OpenAdapter,
    OpenAdapterReturn, QueryAdapterInfo, QueryVideoMemoryInfo, QueryVideoMemoryInfoReturn,
    SetIoSpaceRegion,
};

const fn size_of_field<S, F>(_: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! described {
    ($($specified:literal $name:ident { $($field:ident),* })*) => {
        pub(super) const LAYOUTS: &[Layout] = &[$(Layout {
            name: $specified,
            size: size_of::<$name>(),
            fields: &[$(Field {
                name: plain_name(stringify!($field)),
                offset: ::std::mem::offset_of!($name, $field),
                size: size_of_field::<$name, _>(|message| &message.$field),
            }),*],
        }),*];
    };
}

described! {
    "dxgkvmb_command_createprocess" CreateProcess { hdr, process, process_id, process_name, flags, padding }
    "dxgkvmb_command_createprocess_return" CreateProcessReturn { hprocess }
    "dxgkvmb_command_destroyprocess" DestroyProcess { hdr }
    "dxgkvmb_command_setiospaceregion" SetIoSpaceRegion { hdr, start, length, shared_page_gpadl, padding }
    "dxgkvmb_command_openadapter" OpenAdapter { hdr, vmbus_interface_version, vmbus_last_compatible_interface_version, guest_adapter_luid }
    "dxgkvmb_command_openadapter_return" OpenAdapterReturn { host_adapter_handle, status, vmbus_interface_version, vmbus_last_compatible_interface_version }
    "dxgkvmb_command_closeadapter" CloseAdapter { hdr, host_handle, padding }
    "dxgkvmb_command_getinternaladapterinfo" GetInternalAdapterInfo { hdr }
    "dxgkvmb_command_getinternaladapterinfo_return" GetInternalAdapterInfoReturn { device_types, driver_store_copy_mode, driver_ddi_version, flags, host_adapter_luid, device_description, device_instance_id, host_vgpu_luid }
    "dxgkvmb_command_queryadapterinfo" QueryAdapterInfo { hdr, query_type, private_data_size, private_data, padding }
    "dxgkvmb_command_queryvideomemoryinfo" QueryVideoMemoryInfo { hdr, adapter, memory_segment_group, physical_adapter_index, padding }
    "dxgkvmb_command_queryvideomemoryinfo_return" QueryVideoMemoryInfoReturn { budget, current_usage, current_reservation, available_for_reservation }
    "dxgkvmb_command_isfeatureenabled" IsFeatureEnabled { hdr, feature_id, padding }
    "dxgkvmb_command_isfeatureenabled_return" IsFeatureEnabledReturn { status, min_supported_version, max_supported_version, descriptor_flags, version, result_flags, padding }
}
