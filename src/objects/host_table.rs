// SPDX-License-Identifier: GPL-2.0

//! Handles whose numbers the host picks: those of everything it makes.
//!
//! The table is sparse: an index picked by the host must not decide how much memory is allocated.
//! Takes no locks; to be kept under one that may be slept under.

use crate::wire::Handle;
use kernel::{
    prelude::*,
    rbtree::RBTree, //
};

/// Most objects a process may have on the host.
const HOST_OBJECTS: usize = 1 << 20;

struct HostEntry<T> {
    unique: u8,
    object: T,
}

/// A table of handles the host makes.
pub(crate) struct HostTable<T> {
    entries: RBTree<u32, HostEntry<T>>,
    count: usize,
}

impl<T> HostTable<T> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self {
            entries: RBTree::new(),
            count: 0,
        }
    }

    /// Enters what the host calls `handle`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if that is not a handle, or the host has given it out already; `ENOMEM` if there
    /// is no memory or there are too many objects.
    pub(crate) fn register(&mut self, handle: Handle, object: T) -> Result {
        let index = handle.index();

        if handle.is_none() || index >= Handle::INDEX_LIMIT || self.entries.get(&index).is_some() {
            return Err(EINVAL);
        }
        if self.count >= HOST_OBJECTS {
            return Err(ENOMEM);
        }

        let entry = HostEntry {
            unique: handle.unique(),
            object,
        };

        self.entries
            .try_create_and_insert(index, entry, GFP_KERNEL_ACCOUNT)?;
        self.count += 1;
        Ok(())
    }

    /// What `handle` stands for. The instance bits do not matter.
    pub(crate) fn get(&self, handle: Handle) -> Option<&T> {
        self.entries
            .get(&handle.index())
            .filter(|entry| entry.unique == handle.unique())
            .map(|entry| &entry.object)
    }

    /// Takes out what `handle` stands for; the host may give the index out again.
    pub(crate) fn remove(&mut self, handle: Handle) -> Option<T> {
        self.get(handle)?;

        let entry = self.entries.remove(&handle.index())?;

        self.count -= 1;
        Some(entry.object)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_host_handles)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn host_table_agrees_with_a_list() -> Result {
        let mut table = HostTable::new();
        let mut model: KVVec<(Handle, u32)> = KVVec::new();
        let mut random = Random::new(7);

        for step in 0..3_000u32 {
            // CAST: Any bits will do; few different indices, far apart.
            let wild = random.next() as u32;
            let handle = Handle::new((wild % 600) * 27_000 + 1, (wild >> 30).max(1) as u8);
            let known = model.iter().position(|(h, _)| h.index() == handle.index());

            if random.below(2) == 0 {
                let result = table.register(handle, step);

                assert_eq!(result.is_ok(), known.is_none());
                if known.is_none() {
                    model.push((handle, step), GFP_KERNEL)?;
                }
            } else {
                let expected = known.filter(|at| model[*at].0 == handle);
                let object = expected.map(|at| model[at].1);

                assert_eq!(table.get(handle), object.as_ref());
                assert_eq!(table.remove(handle), object);
                if let Some(at) = expected {
                    let _ = model.remove(at);
                }
            }
            assert_eq!(table.count, model.len());
        }
        Ok(())
    }

    #[test]
    fn host_table_refuses_what_is_no_handle() {
        let mut table = HostTable::new();

        assert!(table.register(Handle::NONE, ()).is_err());
        assert!(table.register(Handle::new(0xFF_FFFF, 1), ()).is_err());
        assert!(table.register(Handle::new(0xFF_FFFE, 1), ()).is_ok());
        assert!(table.register(Handle::new(0xFF_FFFE, 2), ()).is_err());
    }
}
