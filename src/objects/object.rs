// SPDX-License-Identifier: GPL-2.0

//! The objects in the main handle table of a process.

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
    /// A device, on an adapter.
    Device(Arc<Device>),
    /// A context, below a device.
    Context(Arc<Context>),
    /// A hardware queue, below a context.
    HwQueue(Arc<HwQueue>),
    /// A paging queue, below a device.
    PagingQueue(Arc<PagingQueue>),
    /// An allocation, below a device or a resource.
    Allocation(Arc<Allocation>),
    /// A resource, below a device.
    Resource(Arc<Resource>),
    /// A sync object. A monitored fence is below a device, others have no parent.
    Sync(Arc<SyncObject>),
    /// The fence of a paging queue or a hardware queue, below it. Only its handle is known.
    Fence,
    /// A fence on the host that follows one of the guest, below a device. Programs do not know its
    /// handle.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    FenceImport,
}

impl Object {
    /// Revokes the user program's mappings of the host's memory, and ends the waits of sync files.
    /// Other threads may still hold the object, but the host may reuse the memory.
    pub(crate) fn revoke(&self) {
        match self {
            Self::Allocation(allocation) => allocation.view().close(),
            Self::HwQueue(queue) => queue.fence_page().revoke(),
            Self::PagingQueue(queue) => queue.fence_page().revoke(),
            Self::Sync(object) => object.revoke(),
            _ => {}
        }
    }
}

/// A type of objects that can be looked up by handle.
pub(crate) trait Kind: Sized {
    /// Returns the object, if it is of this type.
    fn of(object: &Object) -> Option<&Arc<Self>>;
}

macro_rules! kinds {
    ($($kind:ident: $variant:ident),* $(,)?) => {
        $(impl Kind for $kind {
            fn of(object: &Object) -> Option<&Arc<Self>> {
                match object {
                    Object::$variant(object) => Some(object),
                    _ => None,
                }
            }
        })*
    };
}

kinds!(
    Device: Device,
    Context: Context,
    HwQueue: HwQueue,
    PagingQueue: PagingQueue,
    Allocation: Allocation,
    Resource: Resource,
    SyncObject: Sync,
);
