// SPDX-License-Identifier: GPL-2.0

//! What is kept of a shared resource for those who open it elsewhere.
//!
//! The host does not give the data of a resource out again, so the process that makes one leaves
//! a copy here. Sealing freezes it: the first time the resource is exported, asked about or
//! opened, it is decided what is in it.

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

/// What is kept of an allocation.
#[derive(Clone, Copy)]
pub(crate) struct KeptAllocation {
    /// How much data of the vendor's belongs to it.
    pub(crate) data_size: u32,
    /// Bytes of memory.
    pub(crate) size: u64,
    /// Whether the processor caches it when it is shown to a program.
    pub(crate) cached: bool,
}

/// What is kept of the allocations of a resource, in the order they were made.
#[derive(Default)]
pub(crate) struct KeptAllocations {
    allocations: KVVec<KeptAllocation>,
    data: KVVec<u8>,
}

impl KeptAllocations {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            allocations: KVVec::new(),
            data: KVVec::new(),
        }
    }

    /// Keeps what the vendor's driver has said about one or more allocations.
    pub(crate) fn keep_data(&mut self, data: &[u8]) -> Result {
        Ok(self.data.extend_from_slice(data, GFP_KERNEL_ACCOUNT)?)
    }

    /// Keeps an allocation, whose data comes after that of the ones before.
    pub(crate) fn keep(&mut self, allocation: KeptAllocation) -> Result {
        Ok(self.allocations.push(allocation, GFP_KERNEL_ACCOUNT)?)
    }

    /// The allocations.
    pub(crate) fn allocations(&self) -> &[KeptAllocation] {
        &self.allocations
    }

    /// Their data, one after the other.
    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Adds others, or nothing if there is no memory.
    fn append(&mut self, others: &Self) -> Result {
        let total = self
            .data
            .len()
            .checked_add(others.data.len())
            .ok_or(EINVAL)?;

        // Those who open the resource are told the total in 32 bits.
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

/// What the resource as a whole came with.
#[derive(Default)]
pub(crate) struct KeptData {
    /// Data of the runtime library.
    pub(crate) runtime: KVVec<u8>,
    /// Data of the vendor about the resource.
    pub(crate) resource: KVVec<u8>,
}

enum Contents {
    /// Allocations may be added.
    Open(KeptAllocations),
    /// For ever.
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
    /// A resource on `adapter` without allocations, which came with `data`, and has no NT handle
    /// yet.
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

    /// The adapter it was made on. Others may open it, if the host lets them.
    pub(crate) fn adapter(&self) -> &Arc<Adapter> {
        &self.adapter
    }

    /// What it came with.
    pub(crate) fn data(&self) -> &KeptData {
        &self.data
    }

    /// Its NT handle.
    pub(crate) fn exports(&self) -> &Arc<Exports> {
        &self.exports
    }

    /// Whether nothing can be added any more.
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

    /// Lets nobody add anything any more, and returns what there is.
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

/// What a descriptor of a shared resource stands for.
pub(crate) struct ResourceFile {
    /// The resource.
    pub(crate) resource: Arc<SharedResource>,
    /// Keeps it on the host.
    pub(crate) export: Export,
}
