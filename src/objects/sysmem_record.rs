// SPDX-License-Identifier: GPL-2.0

//! Records of the memory of programs that is lent to the host, shown in debugfs.

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

/// The maximum number of records: that of objects of one process.
const MAX_RECORDS: usize = 1 << 20;

/// All records of the driver.
pub(crate) type SysmemRecords = LockedIdTable<Arc<SysmemRecord>, MAX_RECORDS>;

/// The record of one piece of memory that is lent to the host.
#[pin_data]
pub(crate) struct SysmemRecord {
    /// The process id in the initial pid namespace.
    pub(crate) process: u32,
    /// The size in KiB.
    pub(crate) kib: u64,
    /// The adapter that the memory is lent for.
    pub(crate) adapter: Luid,
    /// The time since which the driver waits for the host to release the memory. `None` while the
    /// allocation exists.
    #[pin]
    waits: SpinLock<Option<CoarseInstant>>,
}

impl SysmemRecord {
    /// Records that the driver waits for the host from now on.
    fn wait(&self) {
        *self.waits.lock() = Some(CoarseInstant::now());
    }

    /// Returns how long the driver has waited for the host, in milliseconds. `None` if it does not
    /// wait.
    pub(crate) fn waiting_ms(&self) -> Option<u32> {
        self.waits.lock().map(|since| since.elapsed_ms())
    }
}

/// An entry in the records. Removed when this is dropped.
pub(super) struct SysmemRecordEntry {
    all: Arc<SysmemRecords>,
    record: Arc<SysmemRecord>,
    id: u64,
}

impl SysmemRecordEntry {
    /// Adds a record of `pages` pages of `process` that are lent for `adapter`.
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

    /// Records that the driver waits for the host from now on.
    pub(super) fn wait(&self) {
        self.record.wait();
    }
}

impl Drop for SysmemRecordEntry {
    fn drop(&mut self) {
        drop(self.all.remove(self.id));
    }
}
