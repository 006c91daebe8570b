// SPDX-License-Identifier: GPL-2.0

//! Structures for sync objects.

use super::same_layout;
use crate::{
    linux::uapi_header,
    wire::Handle, //
};
use core::mem::offset_of;
use kernel::prelude::*;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use zerocopy::FromZeros;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Types of sync objects that the driver distinguishes.
pub(crate) mod sync_type {
    /// CPU notification, which signals an eventfd.
    pub(crate) const CPU_NOTIFICATION: u32 = 4;
    /// Monitored fence, whose value is also in memory.
    pub(crate) const MONITORED_FENCE: u32 = 5;
    /// Periodic monitored fence, whose value advances on its own.
    pub(crate) const PERIODIC_MONITORED_FENCE: u32 = 6;
}

/// Flags of a sync object that the driver interprets.
pub(crate) mod sync_flags {
    /// Other processes may open the object.
    pub(crate) const SHARED: u32 = 1 << 0;
    /// The object is shared by file descriptor.
    pub(crate) const NT_SECURITY_SHARING: u32 = 1 << 1;
    /// The object cannot be signalled through this handle.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) const NO_SIGNAL: u32 = 1 << 4;
    /// CPU waiters are released when the object is destroyed, not when a handle of it is.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) const UNWAIT_CPU_WAITERS_ONLY_ON_DESTROY: u32 = 1 << 10;
}

/// Description of a sync object. The meaning of the details depends on the type.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SyncObjectInfo {
    /// In: type, see [`sync_type`].
    pub(crate) r#type: u32,
    /// In: flags, see [`sync_flags`].
    pub(crate) flags: u32,
    /// In and out: details of the type.
    pub(crate) details: [u64; 8],
    /// Out: handle of a shared object that is the same in all processes.
    pub(crate) shared_handle: Handle,
    pad: u32,
}

same_layout!(
    SyncObjectInfo,
    d3dddi_synchronizationobjectinfo2 {
        flags,
        shared_handle,
        pad
    }
);

/// Index in the details of a monitored fence's CPU address; its GPU address follows.
const MONITORED_ADDRESSES: usize = 1;
/// Index in the details of a periodic monitored fence's CPU address; its GPU address follows.
const PERIODIC_ADDRESSES: usize = 2;

static_assert!(
    offset_of!(SyncObjectInfo, details)
        == offset_of!(
            uapi_header::d3dddi_synchronizationobjectinfo2,
            __bindgen_anon_1
        )
);
const _: () = {
    type Theirs = uapi_header::d3dddi_synchronizationobjectinfo2__bindgen_ty_1__bindgen_ty_5;

    assert!(offset_of!(Theirs, initial_fence_value) == 0);
    assert!(offset_of!(Theirs, fence_cpu_virtual_address) == 8 * MONITORED_ADDRESSES);
    assert!(offset_of!(Theirs, fence_gpu_virtual_address) == 8 * MONITORED_ADDRESSES + 8);
    assert!(offset_of!(Theirs, engine_affinity) == 24);
};
const _: () = {
    type Theirs = uapi_header::d3dddi_synchronizationobjectinfo2__bindgen_ty_1__bindgen_ty_6;

    assert!(offset_of!(Theirs, adapter) == 0);
    assert!(offset_of!(Theirs, vidpn_target_id) == 4);
    assert!(offset_of!(Theirs, time) == 8);
    assert!(offset_of!(Theirs, fence_cpu_virtual_address) == 8 * PERIODIC_ADDRESSES);
    assert!(offset_of!(Theirs, fence_gpu_virtual_address) == 8 * PERIODIC_ADDRESSES + 8);
    assert!(offset_of!(Theirs, engine_affinity) == 32);
};

impl SyncObjectInfo {
    /// Returns the index in the details of the addresses of the value, for types that have a value
    /// in memory.
    fn addresses(&self) -> Option<usize> {
        match self.r#type {
            sync_type::MONITORED_FENCE => Some(MONITORED_ADDRESSES),
            sync_type::PERIODIC_MONITORED_FENCE => Some(PERIODIC_ADDRESSES),
            _ => None,
        }
    }

    /// Returns whether the object has a value in memory.
    pub(crate) fn is_monitored(&self) -> bool {
        self.addresses().is_some()
    }

    /// Stores the addresses of the value of a monitored fence in the details.
    pub(crate) fn set_addresses(&mut self, cpu: u64, gpu: u64) {
        let addresses = self.addresses().and_then(|at| self.details.get_mut(at..));

        if let Some([cpu_place, gpu_place, ..]) = addresses {
            *cpu_place = cpu;
            *gpu_place = gpu;
        }
    }
}

/// Argument of CreateSynchronizationObject2.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreateSynchronizationObject2 {
    /// In: device.
    pub(crate) device: Handle,
    reserved: u32,
    /// In and out: description of the object.
    pub(crate) info: SyncObjectInfo,
    /// Out: the new object.
    pub(crate) sync_object: Handle,
    reserved1: u32,
}

#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
impl CreateSynchronizationObject2 {
    /// Describes a monitored fence on `device` that begins at 0 and is not shared.
    pub(crate) fn private_fence(device: Handle) -> Self {
        let mut this = Self::new_zeroed();

        this.device = device;
        this.info.r#type = sync_type::MONITORED_FENCE;
        this
    }
}

same_layout!(
    CreateSynchronizationObject2,
    d3dkmt_createsynchronizationobject2 {
        device,
        reserved,
        info,
        sync_object,
        reserved1
    }
);

/// Argument of DestroySynchronizationObject.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct DestroySynchronizationObject {
    /// In: object to destroy.
    pub(crate) sync_object: Handle,
}

same_layout!(
    DestroySynchronizationObject,
    d3dkmt_destroysynchronizationobject { sync_object }
);

/// Argument of OpenSyncObjectFromNtHandle2.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct OpenSyncObjectFromNtHandle2 {
    /// In: file descriptor made by ShareObjects.
    pub(crate) nt_handle: u64,
    /// In: device.
    pub(crate) device: Handle,
    /// In: flags.
    pub(crate) flags: u32,
    /// Out: the opened object.
    pub(crate) sync_object: Handle,
    reserved1: u32,
    /// Out: address of the value of a monitored fence in the program.
    pub(crate) fence_value_cpu_va: u64,
    /// Out: GPU virtual address of the value.
    pub(crate) fence_value_gpu_va: u64,
    /// In: mask of the GPUs of a linked adapter.
    pub(crate) engine_affinity: u32,
    pad: u32,
    reserved: [u64; 5],
}

same_layout!(
    OpenSyncObjectFromNtHandle2,
    d3dkmt_opensyncobjectfromnthandle2 {
        nt_handle,
        device,
        flags,
        sync_object,
        reserved1
    }
);

const _: () = {
    type Ours = OpenSyncObjectFromNtHandle2;
    type Fence = uapi_header::d3dkmt_opensyncobjectfromnthandle2__bindgen_ty_1__bindgen_ty_1;

    /// Offset of the union.
    const START: usize = offset_of!(
        uapi_header::d3dkmt_opensyncobjectfromnthandle2,
        __bindgen_anon_1
    );

    assert!(offset_of!(Ours, fence_value_cpu_va) == START + offset_of!(Fence, fence_value_cpu_va));
    assert!(offset_of!(Ours, fence_value_gpu_va) == START + offset_of!(Fence, fence_value_gpu_va));
    assert!(offset_of!(Ours, engine_affinity) == START + offset_of!(Fence, engine_affinity));
};

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_uapi_sync_object)]
mod tests {
    use super::*;

    fn info(r#type: u32) -> SyncObjectInfo {
        let word = |at: u64| (at << 32) | (at + 8);

        SyncObjectInfo {
            r#type,
            flags: 0,
            details: [0, 1, 2, 3, 4, 5, 6, 7].map(word),
            shared_handle: Handle::NONE,
            pad: 0,
        }
    }

    #[test]
    fn addresses_go_where_the_type_has_them() {
        let all = info(0).details;

        for r#type in 0..8 {
            let mut info = info(r#type);
            let mut wanted = all;

            match r#type {
                5 => (wanted[1], wanted[2]) = (77, 88),
                6 => (wanted[2], wanted[3]) = (77, 88),
                _ => {}
            }
            info.set_addresses(77, 88);
            assert_eq!(info.details, wanted);
            assert_eq!(info.is_monitored(), r#type == 5 || r#type == 6);
        }
    }
}
