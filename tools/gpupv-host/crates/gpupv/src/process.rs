// SPDX-License-Identifier: GPL-2.0
//! The guest's processes, as far as the host knows them.

use std::collections::BTreeMap;

use crate::handles::Handle;
use crate::payload::Objects;
use crate::wire::{from_utf16, CreateProcess};

/// One process.
pub(crate) struct Process {
    /// The guest's number for it.
    pub(crate) pid: u64,
    /// Its name, as the guest gave it.
    pub(crate) name: String,
    /// What it has made.
    pub(crate) objects: Objects,
}

impl Process {
    pub(crate) fn new(request: &CreateProcess) -> Self {
        Self {
            pid: request.process_id.get(),
            name: from_utf16(&request.process_name),
            objects: Objects::default(),
        }
    }
}

/// All processes, by handle.
pub(crate) type ProcessTable = BTreeMap<Handle, Process>;
