// SPDX-License-Identifier: GPL-2.0

//! The number of objects of each kind, shown in debugfs so that leaks can be found.

use kernel::{
    fmt,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// The kinds of objects that are counted.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Process,
    Device,
    Context,
    HwQueue,
    PagingQueue,
    Allocation,
    Resource,
    SyncObject,
    SharedObject,
    #[cfg_attr(
        not(CONFIG_DXGKRNL_SYNC_FILE),
        expect(dead_code, reason = "built without them")
    )]
    SyncFile,
}

impl Kind {
    /// The names of all kinds in debugfs, in the order of the enum's values.
    const NAMES: [&'static str; 10] = [
        "process",
        "device",
        "context",
        "hw_queue",
        "paging_queue",
        "allocation",
        "resource",
        "sync_object",
        "shared_object",
        "sync_file",
    ];
}

/// The number of objects of each kind.
pub(crate) struct ObjectStats {
    counts: [Atomic<u64>; Kind::NAMES.len()],
}

impl ObjectStats {
    /// Creates counts of 0.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let object_stats = Self {
            counts: [const { Atomic::new(0) }; Kind::NAMES.len()],
        };

        Ok(Arc::new(object_stats, GFP_KERNEL)?)
    }

    /// Counts one object until the result is dropped.
    pub(crate) fn count(self: &Arc<Self>, kind: Kind) -> ObjectCount {
        let counted = ObjectCount {
            object_stats: self.clone(),
            kind,
        };

        if let Some(count) = counted.place() {
            count.fetch_add(1, Relaxed);
        }
        counted
    }

    /// Writes a line with name and count for each kind.
    pub(crate) fn show(object_stats: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in Kind::NAMES.iter().zip(&object_stats.counts) {
            writeln!(f, "{} {}", name, count.load(Relaxed))?;
        }
        Ok(())
    }
}

/// The count of one object, until this is dropped. It may be dropped in any context.
pub(crate) struct ObjectCount {
    object_stats: Arc<ObjectStats>,
    kind: Kind,
}

impl ObjectCount {
    fn place(&self) -> Option<&Atomic<u64>> {
        // CAST: It is the position in the list of names.
        self.object_stats.counts.get(self.kind as usize)
    }
}

impl Drop for ObjectCount {
    fn drop(&mut self) {
        if let Some(count) = self.place() {
            count.fetch_sub(1, Relaxed);
        }
    }
}
