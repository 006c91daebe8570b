// SPDX-License-Identifier: GPL-2.0

//! How much a process has of everything: its `/proc/PID/fdinfo` tells.

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
    /// Where its pinned memory is counted.
    pub(crate) fn pinned(&self) -> &PinCounter {
        &self.pinned
    }

    /// Counts `bytes` of the host that it sees.
    pub(crate) fn count_mapped(&self, bytes: u64) -> Result<Charge> {
        self.mapped.try_charge(bytes)
    }

    /// How much of everything it has now.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            adapters: self.adapters.lock().bindings.len(),
            objects: self.objects.lock().len(),
            pinned_pages: self.pinned.pages(),
            mapped_bytes: self.mapped.usage(),
        }
    }
}

/// How much of everything a process has.
#[derive(Default)]
pub(crate) struct Usage {
    /// Adapters that are open.
    adapters: usize,
    /// Objects on the host.
    objects: usize,
    /// Pages of the program that are pinned.
    pinned_pages: u64,
    /// Bytes of the host that the program sees.
    mapped_bytes: u64,
}

impl Usage {
    /// Writes a line for each.
    pub(crate) fn show(&self, file: &SeqFile) {
        // CAST: It is small.
        let kib = PAGE_SIZE as u64 / 1024;

        seq_print!(file, "dxg-adapters:\t{}\n", self.adapters);
        seq_print!(file, "dxg-objects:\t{}\n", self.objects);
        seq_print!(file, "dxg-pinned:\t{} KiB\n", self.pinned_pages * kib);
        seq_print!(file, "dxg-mapped:\t{} KiB\n", self.mapped_bytes / 1024);
    }
}
