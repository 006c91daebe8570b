// SPDX-License-Identifier: GPL-2.0

//! What a handle of the main table may stand for.

use super::{
    allocation::Allocation,
    context::Context,
    device::Device,
    hw_queue::HwQueue,
    paging_queue::PagingQueue,
    resource::Resource,
    sync_object::SyncObject, //
};
use kernel::sync::Arc;

/// An object of a process.
#[derive(Clone)]
pub(crate) enum Object {
    /// On an adapter.
    Device(Arc<Device>),
    /// DeviceChild a device.
    Context(Arc<Context>),
    /// DeviceChild a context.
    HwQueue(Arc<HwQueue>),
    /// DeviceChild a device.
    PagingQueue(Arc<PagingQueue>),
    /// DeviceChild a device or a resource.
    Allocation(Arc<Allocation>),
    /// DeviceChild a device.
    Resource(Arc<Resource>),
    /// Monitored: below a device. Others: on nothing.
    SyncObject(Arc<SyncObject>),
    /// The fence of a paging queue or a hardware queue, below it. There is nothing behind.
    Fence,
    /// A fence on the host that follows one of the guest, below a device. Programs do not know it.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    FenceImport,
}

impl Object {
    /// Takes away what the user program sees of the host's memory through it. Others may still
    /// hold the object, but the host may use the memory for something else.
    pub(crate) fn revoke(&self) {
        match self {
            Self::Allocation(allocation) => allocation.view().close(),
            Self::HwQueue(queue) => queue.fence_page().revoke(),
            Self::PagingQueue(queue) => queue.fence_page().revoke(),
            Self::SyncObject(object) => object.revoke(),
            _ => {}
        }
    }
}

/// A kind of objects that can be looked up.
pub(crate) trait Kind: Sized {
    /// The object, if it is of this kind.
    fn of(object: &Object) -> Option<&Arc<Self>>;
}

macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        $(impl Kind for $kind {
            fn of(object: &Object) -> Option<&Arc<Self>> {
                match object {
                    Object::$kind(object) => Some(object),
                    _ => None,
                }
            }
        })*
    };
}

kinds!(
    Device,
    Context,
    HwQueue,
    PagingQueue,
    Allocation,
    Resource,
    SyncObject,
);
