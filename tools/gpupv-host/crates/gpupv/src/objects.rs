// SPDX-License-Identifier: GPL-2.0
//! The objects of a process: what they are, what they hang on, and what goes with them.

use std::collections::BTreeMap;
use std::fmt;

use crate::handles::{Handle, HandleTable};

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum ObjectKind {
    Device,
    Context,
    HwQueue,
    PagingQueue,
    Allocation,
    Resource,
    SyncObject,
    MonitoredFence,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Device => "device",
            Self::Context => "context",
            Self::HwQueue => "hardware queue",
            Self::PagingQueue => "paging queue",
            Self::Allocation => "allocation",
            Self::Resource => "resource",
            Self::SyncObject => "sync object",
            Self::MonitoredFence => "monitored fence",
        })
    }
}

/// One object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// The adapter it lives on, by position.
    pub adapter: usize,
    /// What it dies with; `None` for what hangs on the process alone.
    pub parent: Option<Handle>,
}

/// The objects of one process, all kinds in one table.
#[derive(Default)]
pub struct ObjectTable {
    table: HandleTable<Object>,
}

impl ObjectTable {
    /// Adds an object. `None` if its parent does not exist, lives on another adapter, or there are
    /// no more handles.
    pub fn insert(&mut self, object: Object) -> Option<Handle> {
        if let Some(parent) = object.parent {
            self.table
                .get(parent)
                .filter(|parent| parent.adapter == object.adapter)?;
        }
        self.table.insert(object)
    }

    /// The object that `handle` names.
    pub fn get(&self, handle: Handle) -> Option<&Object> {
        self.table.get(handle)
    }

    /// Removes an object and everything that dies with it. Returns whether there was one.
    pub fn remove(&mut self, handle: Handle) -> bool {
        if self.table.remove(handle).is_none() {
            return false;
        }
        let mut parents = vec![handle];
        while let Some(parent) = parents.pop() {
            let children: Vec<Handle> = self
                .table
                .iter()
                .filter(|(_, object)| object.parent == Some(parent))
                .map(|(child, _)| child)
                .collect();
            for child in children {
                self.table.remove(child);
                parents.push(child);
            }
        }
        true
    }

    /// Removes everything that lives on an adapter.
    pub fn remove_adapter(&mut self, adapter: usize) {
        let gone: Vec<Handle> = self
            .table
            .iter()
            .filter(|(_, object)| object.adapter == adapter)
            .map(|(handle, _)| handle)
            .collect();
        for handle in gone {
            self.table.remove(handle);
        }
    }

    /// How many objects of each kind there are.
    pub fn count(&self) -> BTreeMap<ObjectKind, u64> {
        let mut counts = BTreeMap::new();
        for (_, object) in self.table.iter() {
            *counts.entry(object.kind).or_default() += 1;
        }
        counts
    }
}
