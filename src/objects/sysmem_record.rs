// SPDX-License-Identifier: GPL-2.0

//! Which memory of programs the host has, for who looks at it in debugfs.

use super::locked_id_table::LockedIdTable;
use crate::{
    linux::coarse_time::CoarseInstant,
    wire::Luid, //
};
use kernel::{
    new_spinlock,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// Most of them: as many as there may be objects of one process.
const MAX_RECORDS: usize = 1 << 20;

/// All of them.
pub(crate) type SysmemRecords = LockedIdTable<Arc<SysmemRecord>, MAX_RECORDS>;

/// A piece of memory.
#[pin_data]
pub(crate) struct SysmemRecord {
    /// The process id in the initial namespace.
    pub(crate) process: u32,
    /// Its size.
    pub(crate) kib: u64,
    /// The adapter for which the host has it.
    pub(crate) adapter: Luid,
    /// Since when the program does without it, and the driver waits for the host.
    #[pin]
    waits: SpinLock<Option<CoarseInstant>>,
}

impl SysmemRecord {
    /// The driver waits for the host from now on.
    fn wait(&self) {
        *self.waits.lock() = Some(CoarseInstant::now());
    }

    /// Returns how long the driver has waited for the host, if it does.
    pub(crate) fn waiting_ms(&self) -> Option<u32> {
        self.waits.lock().map(|since| since.elapsed_ms())
    }
}

/// An entry, until it is dropped.
pub(super) struct SysmemRecordEntry {
    all: Arc<SysmemRecords>,
    record: Arc<SysmemRecord>,
    id: u64,
}

impl SysmemRecordEntry {
    /// Enters `pages` pages of `process` that are lent for `adapter`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(super) fn new(
        all: &Arc<SysmemRecords>,
        process: u32,
        pages: usize,
        adapter: Luid,
    ) -> Result<Self> {
        let record = Arc::pin_init(
            pin_init!(SysmemRecord {
                process,
                // CAST: 64 bits hold both.
                kib: pages as u64 * (PAGE_SIZE as u64 / 1024),
                adapter,
                waits <- new_spinlock!(None, "SysmemRecord::waits"),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;

        Ok(Self {
            id: all.insert(record.clone())?,
            all: all.clone(),
            record,
        })
    }

    /// The driver waits for the host from now on.
    pub(super) fn wait(&self) {
        self.record.wait();
    }
}

impl Drop for SysmemRecordEntry {
    fn drop(&mut self) {
        drop(self.all.remove(self.id));
    }
}
