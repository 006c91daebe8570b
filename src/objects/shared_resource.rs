// SPDX-License-Identifier: GPL-2.0

//! The data of a shared resource that the driver keeps for processes that open it.
//!
//! The host does not return the data of a resource, so the driver keeps a copy when a process
//! creates one. Sealing freezes it: the contents are fixed the first time the resource is exported,
//! queried or opened.

use super::{
    adapter::Adapter,
    object_stats::ObjectCount,
    shared::{
        Export,
        Exports, //
    }, //
};
use core::mem;
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex,
        UniqueArc, //
    }, //
};

/// The data kept of an allocation.
#[derive(Clone, Copy)]
pub(crate) struct KeptAllocation {
    /// The size of the vendor's private data, in bytes.
    pub(crate) data_size: u32,
    /// The size of the memory, in bytes.
    pub(crate) size: u64,
    /// Whether CPU mappings of the memory are cached.
    pub(crate) cached: bool,
}

/// The data kept of the allocations of a resource, in the order of their creation.
#[derive(Default)]
pub(crate) struct KeptAllocations {
    allocations: KVVec<KeptAllocation>,
    data: KVVec<u8>,
}

impl KeptAllocations {
    /// Creates an empty list.
    pub(crate) const fn new() -> Self {
        Self {
            allocations: KVVec::new(),
            data: KVVec::new(),
        }
    }

    /// Adds the vendor's private data of one or more allocations.
    pub(crate) fn keep_data(&mut self, data: &[u8]) -> Result {
        Ok(self.data.extend_from_slice(data, GFP_KERNEL_ACCOUNT)?)
    }

    /// Adds an allocation, whose private data follows that of the previous ones.
    pub(crate) fn keep(&mut self, allocation: KeptAllocation) -> Result {
        Ok(self.allocations.push(allocation, GFP_KERNEL_ACCOUNT)?)
    }

    /// Returns the allocations.
    pub(crate) fn allocations(&self) -> &[KeptAllocation] {
        &self.allocations
    }

    /// Returns the private data of all allocations, concatenated.
    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Appends `others`, or nothing if there is no memory.
    fn append(&mut self, others: &Self) -> Result {
        let total = self
            .data
            .len()
            .checked_add(others.data.len())
            .ok_or(EINVAL)?;

        // The total is reported in 32 bits to processes that open the resource.
        u32::try_from(total).map_err(|_| EINVAL)?;
        self.allocations
            .reserve(others.allocations.len(), GFP_KERNEL_ACCOUNT)?;
        self.data
            .extend_from_slice(&others.data, GFP_KERNEL_ACCOUNT)?;
        self.allocations
            .extend_from_slice(&others.allocations, GFP_KERNEL_ACCOUNT)?;
        Ok(())
    }
}

/// The data that a resource as a whole was created with.
#[derive(Default)]
pub(crate) struct KeptData {
    /// The data of the runtime library.
    pub(crate) runtime: KVVec<u8>,
    /// The private data of the vendor about the resource.
    pub(crate) resource: KVVec<u8>,
}

enum Contents {
    /// Allocations may be added.
    Open(KeptAllocations),
    /// The contents are fixed. They never become `Open` again.
    Sealed(Arc<KeptAllocations>),
}

/// A resource that other processes may open.
#[pin_data]
pub(crate) struct SharedResource {
    adapter: Arc<Adapter>,
    data: KeptData,
    exports: Arc<Exports>,
    #[pin]
    contents: Mutex<Contents>,
    _counted: ObjectCount,
}

impl SharedResource {
    /// Creates a resource on `adapter` without allocations and without an NT handle, which was
    /// created with `data`.
    pub(crate) fn new(
        adapter: Arc<Adapter>,
        data: KeptData,
        exports: Arc<Exports>,
        counted: ObjectCount,
    ) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                adapter,
                data,
                exports,
                contents <- new_mutex!(
                    Contents::Open(KeptAllocations::new()),
                    "SharedResource::contents"
                ),
                _counted: counted,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the adapter it was created on. It may be opened on others, if the host allows that.
    pub(crate) fn adapter(&self) -> &Arc<Adapter> {
        &self.adapter
    }

    /// Returns the data it was created with.
    pub(crate) fn data(&self) -> &KeptData {
        &self.data
    }

    /// Returns the owner of the NT handle.
    pub(crate) fn exports(&self) -> &Arc<Exports> {
        &self.exports
    }

    /// Returns whether allocations can no longer be added.
    pub(crate) fn is_sealed(&self) -> bool {
        matches!(*self.contents.lock(), Contents::Sealed(_))
    }

    /// Adds allocations.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the resource is sealed or has too much data, `ENOMEM`. Nothing was added then.
    pub(crate) fn add(&self, allocations: &KeptAllocations) -> Result {
        match &mut *self.contents.lock() {
            Contents::Open(kept) => kept.append(allocations),
            Contents::Sealed(_) => Err(EINVAL),
        }
    }

    /// Fixes the contents and returns them.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; then the resource is not sealed, unless it was before.
    pub(crate) fn seal(&self) -> Result<Arc<KeptAllocations>> {
        let room = UniqueArc::<KeptAllocations>::new_uninit(GFP_KERNEL_ACCOUNT)?;
        let mut contents = self.contents.lock();

        match &mut *contents {
            Contents::Sealed(kept) => Ok(kept.clone()),
            Contents::Open(open) => {
                let kept = Arc::from(room.write(mem::take(open)));

                *contents = Contents::Sealed(kept.clone());
                Ok(kept)
            }
        }
    }
}

/// A file descriptor of a shared resource.
pub(crate) struct ResourceFile {
    /// The resource.
    pub(crate) resource: Arc<SharedResource>,
    /// Keeps the resource on the host.
    pub(crate) export: Export,
}
