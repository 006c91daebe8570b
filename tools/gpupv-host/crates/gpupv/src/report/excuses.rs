// SPDX-License-Identifier: GPL-2.0
//! What a guest is not blamed for, because the host misled it on purpose.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The processes and channels that the host misled. Clones name the same ones.
///
/// Its lock is a leaf: it may be taken under any other lock.
#[derive(Clone, Debug, Default)]
pub struct Excuses(Arc<Mutex<Misled>>);

#[derive(Debug, Default)]
struct Misled {
    /// Handles of processes.
    processes: BTreeSet<u32>,
    /// Positions of adapters; `None` is the global channel.
    channels: BTreeSet<Option<usize>>,
    /// Adapters that claim an interface version that they do not speak.
    versions: BTreeSet<usize>,
    /// Whether there was anything at all.
    any: bool,
}

impl Excuses {
    fn misled(&self) -> MutexGuard<'_, Misled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Excuses everything that a process does and leaves.
    pub fn process(&self, handle: u32) {
        let mut misled = self.misled();
        misled.any = true;
        misled.processes.insert(handle);
    }

    /// Excuses what is done for no process on the channel of an adapter, or on the global one, until
    /// it is opened again.
    pub fn channel(&self, adapter: Option<usize>) {
        let mut misled = self.misled();
        misled.any = true;
        misled.channels.insert(adapter);
    }

    /// Excuses everything, from the moment at which a guest reads an interface version that the host does
    /// not speak, until it reads the right one of that adapter.
    pub fn odd_version(&self, adapter: usize, odd: bool) {
        let mut misled = self.misled();
        misled.any |= odd;
        if odd {
            misled.versions.insert(adapter);
        } else {
            misled.versions.remove(&adapter);
        }
    }

    /// Ends the excuse of a channel, because the guest has opened it anew.
    pub(crate) fn channel_opened(&self, adapter: Option<usize>) {
        self.misled().channels.remove(&adapter);
    }

    /// Whether anything was ever excused. What lies about after that may come of it.
    pub(crate) fn any(&self) -> bool {
        self.misled().any
    }

    /// Whether everything is excused.
    pub(crate) fn has_odd_version(&self) -> bool {
        !self.misled().versions.is_empty()
    }

    pub(crate) fn has_process(&self, handle: u32) -> bool {
        self.misled().processes.contains(&handle)
    }

    pub(crate) fn has_channel(&self, adapter: Option<usize>) -> bool {
        let misled = self.misled();
        misled.channels.contains(&adapter) || !misled.versions.is_empty()
    }
}
