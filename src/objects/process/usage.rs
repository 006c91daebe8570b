// SPDX-License-Identifier: GPL-2.0

//! The resource usage of a process, shown in `/proc/PID/fdinfo`.

use super::Process;
use crate::{
    counter::Charge,
    objects::pin_counter::PinCounter, //
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

impl Process {
    /// Returns the counter of the process's pinned pages.
    pub(crate) fn pinned(&self) -> &PinCounter {
        &self.pinned
    }

    /// Charges `bytes` of the host's memory that are mapped into the process.
    pub(crate) fn count_mapped(&self, bytes: u64) -> Result<Charge> {
        self.mapped.try_charge(bytes)
    }

    /// Returns the current usage.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            adapters: self.adapters.lock().bindings.len(),
            objects: self.objects.lock().len(),
            pinned_pages: self.pinned.pages(),
            mapped_bytes: self.mapped.usage(),
        }
    }
}

/// The resource usage of a process.
#[derive(Default)]
pub(crate) struct Usage {
    /// The number of open adapters.
    adapters: usize,
    /// The number of objects on the host.
    objects: usize,
    /// The number of pinned pages of the program.
    pinned_pages: u64,
    /// The number of bytes of the host's memory that the program has mapped.
    mapped_bytes: u64,
}

impl Usage {
    /// Writes a line for each number.
    pub(crate) fn show(&self, file: &SeqFile) {
        // CAST: It is small.
        let kib = PAGE_SIZE as u64 / 1024;

        seq_print!(file, "dxg-adapters:\t{}\n", self.adapters);
        seq_print!(file, "dxg-objects:\t{}\n", self.objects);
        seq_print!(file, "dxg-pinned:\t{} KiB\n", self.pinned_pages * kib);
        seq_print!(file, "dxg-mapped:\t{} KiB\n", self.mapped_bytes / 1024);
    }
}
