// SPDX-License-Identifier: GPL-2.0

//! How much a process has of everything: its `/proc/PID/fdinfo` tells.

use super::Process;
use crate::{
    amount::Share,
    objects::pin_account::PinAccount, //
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

impl Process {
    /// Where its pinned memory is counted.
    pub(crate) fn pinned(&self) -> &PinAccount {
        &self.pinned
    }

    /// Counts `bytes` of the host that it sees.
    pub(crate) fn count_mapped(&self, bytes: u64) -> Result<Share> {
        self.mapped.take(bytes, u64::MAX)
    }

    /// A line for each.
    pub(crate) fn show_usage(&self, file: &SeqFile) {
        let adapters = self.adapters.lock().bindings.len();
        let objects = self.objects.lock().len();
        // CAST: It is small.
        let kib = PAGE_SIZE as u64 / 1024;

        seq_print!(file, "dxg-adapters:\t{adapters}\n");
        seq_print!(file, "dxg-objects:\t{objects}\n");
        seq_print!(file, "dxg-pinned:\t{} KiB\n", self.pinned.pages() * kib);
        seq_print!(file, "dxg-mapped:\t{} KiB\n", self.mapped.get() / 1024);
    }
}
