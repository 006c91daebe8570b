// SPDX-License-Identifier: GPL-2.0
//! The objects of a process: what they are, what they hang on, and what goes with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::handles::{Handle, HandleTable, Instance};

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

/// What an object is made of, as far as the table must know it.
pub trait Kind {
    /// What it is.
    fn kind(&self) -> ObjectKind;
}

impl Kind for ObjectKind {
    fn kind(&self) -> ObjectKind {
        *self
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object<P> {
    /// The adapter it lives on, by position.
    pub adapter: usize,
    /// What it dies with; `None` for what hangs on the process alone.
    pub parent: Option<Handle>,
    /// What it is made of.
    pub payload: P,
}

struct Entry<P> {
    object: Object<P>,
    children: BTreeSet<Handle>,
}

/// What a handle leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// An object.
    Live(T),
    /// An object that is gone.
    Stale,
    /// Nothing that ever was.
    Never,
}

/// The objects of one process, all kinds in one table.
pub struct ObjectTable<P> {
    table: HandleTable<Entry<P>>,
}

impl<P> Default for ObjectTable<P> {
    fn default() -> Self {
        Self {
            table: HandleTable::default(),
        }
    }
}

impl<P: Kind> ObjectTable<P> {
    /// Makes a table whose first object gets the index `first`.
    pub(crate) fn starting_at(first: u32) -> Self {
        Self {
            table: HandleTable::starting_at(first),
        }
    }

    /// Adds an object. `None` if its parent does not exist, lives on another adapter, or there are
    /// no more handles.
    pub fn insert(&mut self, object: Object<P>) -> Option<Handle> {
        self.try_insert(object).ok()
    }

    /// As [`Self::insert`], but hands back an object that it cannot add.
    ///
    /// # Errors
    ///
    /// The object.
    pub fn try_insert(&mut self, object: Object<P>) -> Result<Handle, Object<P>> {
        let parent = object.parent;
        if let Some(parent) = parent {
            let found = self.get(parent);
            if found.is_none_or(|parent| parent.adapter != object.adapter) {
                return Err(object);
            }
        }
        let entry = Entry {
            object,
            children: BTreeSet::new(),
        };
        let handle = self.table.try_insert(entry, Instance::Local);
        let handle = handle.map_err(|entry| entry.object)?;
        if let Some(parent) = parent.and_then(|parent| self.table.get_mut(parent)) {
            parent.children.insert(handle);
        }
        Ok(handle)
    }

    /// The object that `handle` names.
    pub fn get(&self, handle: Handle) -> Option<&Object<P>> {
        Some(&self.table.get(handle)?.object)
    }

    /// What `handle` leads to, if need be into the past.
    pub fn look_up(&self, handle: Handle) -> Lookup<&Object<P>> {
        match self.get(handle) {
            Some(object) => Lookup::Live(object),
            None if self.table.was_given(handle) => Lookup::Stale,
            None => Lookup::Never,
        }
    }

    /// Whether `handle` named another object before the one that it names now.
    pub fn is_reused(&self, handle: Handle) -> bool {
        self.table.is_reused(handle)
    }

    /// The payload of the object that `handle` names.
    pub fn payload_mut(&mut self, handle: Handle) -> Option<&mut P> {
        Some(&mut self.table.get_mut(handle)?.object.payload)
    }

    /// The handles of what dies with an object, directly.
    pub fn children(&self, handle: Handle) -> impl Iterator<Item = Handle> + '_ {
        let entry = self.table.get(handle);
        entry.into_iter().flat_map(|e| e.children.iter().copied())
    }

    /// All objects, by index.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &Object<P>)> {
        self.table
            .iter()
            .map(|(handle, entry)| (handle, &entry.object))
    }

    /// Removes an object and everything that dies with it, and hands all of it over, children before
    /// their parents. Nothing if there is no such object.
    pub fn remove(&mut self, handle: Handle) -> Vec<(Handle, Object<P>)> {
        if let Some(parent) = self.get(handle).and_then(|object| object.parent) {
            if let Some(parent) = self.table.get_mut(parent) {
                parent.children.remove(&handle);
            }
        }
        let mut gone = Vec::new();
        let mut left = vec![handle];
        while let Some(handle) = left.pop() {
            if let Some(entry) = self.table.remove(handle) {
                left.extend(entry.children);
                gone.push((handle, entry.object));
            }
        }
        // Parents were met before their children.
        gone.reverse();
        gone
    }

    /// Removes everything that lives on an adapter, and hands it over as [`Self::remove`] does.
    pub fn remove_adapter(&mut self, adapter: usize) -> Vec<(Handle, Object<P>)> {
        self.remove_roots(|object| object.adapter == adapter)
    }

    /// Removes everything, and hands it over as [`Self::remove`] does.
    pub fn remove_all(&mut self) -> Vec<(Handle, Object<P>)> {
        self.remove_roots(|_| true)
    }

    /// Removes the objects without parent that `wanted` wants. Children live where their parents do.
    fn remove_roots(&mut self, wanted: impl Fn(&Object<P>) -> bool) -> Vec<(Handle, Object<P>)> {
        let roots: Vec<Handle> = self
            .iter()
            .filter(|(_, object)| object.parent.is_none() && wanted(object))
            .map(|(handle, _)| handle)
            .collect();
        roots
            .into_iter()
            .flat_map(|handle| self.remove(handle))
            .collect()
    }

    /// How many objects of each kind there are.
    pub fn count(&self) -> BTreeMap<ObjectKind, u64> {
        let mut counts = BTreeMap::new();
        for (_, object) in self.iter() {
            *counts.entry(object.payload.kind()).or_default() += 1;
        }
        counts
    }
}
