// SPDX-License-Identifier: GPL-2.0
//! The guest's processes, as far as the host knows them.

use std::collections::BTreeMap;

use crate::address_space::AddressSpace;
use crate::budget::PerGroup;
use crate::fence::OpenPage;
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
    /// What it has on each adapter, by position.
    adapters: BTreeMap<usize, OnAdapter>,
    /// The page of fences that has room for one more, if there is one.
    pub(crate) fence_page: OpenPage,
}

/// What a process has on an adapter beside objects.
#[derive(Debug, Default)]
pub(crate) struct OnAdapter {
    /// The memory that it has reserved.
    pub(crate) reserved: PerGroup,
    /// Its GPU addresses.
    pub(crate) addresses: AddressSpace,
}

impl Process {
    /// Makes a process without objects. The first one will have the index `first_handle`.
    pub(crate) fn new(request: &CreateProcess, first_handle: u32) -> Self {
        Self {
            pid: request.process_id.get(),
            name: from_utf16(&request.process_name),
            objects: Objects::starting_at(first_handle),
            adapters: BTreeMap::new(),
            fence_page: OpenPage::new(),
        }
    }

    /// What it has on the adapter at `position`.
    pub(crate) fn on(&self, position: usize) -> Option<&OnAdapter> {
        self.adapters.get(&position)
    }

    /// What it has on the adapter at `position`, to change it.
    pub(crate) fn on_mut(&mut self, position: usize) -> &mut OnAdapter {
        self.adapters.entry(position).or_default()
    }

    /// The adapter is closed.
    pub(crate) fn leave(&mut self, position: usize) {
        self.adapters.remove(&position);
    }
}

/// All processes, by handle.
pub(crate) type ProcessTable = BTreeMap<Handle, Process>;
