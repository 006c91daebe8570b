// SPDX-License-Identifier: GPL-2.0

//! How many objects of each kind the driver has: shown in debugfs, so that a leak is seen.

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

/// What is counted.
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
    /// All kinds, in the order of their numbers, as debugfs calls them.
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

/// The counts.
pub(crate) struct ObjectStats {
    counts: [Atomic<u64>; Kind::NAMES.len()],
}

impl ObjectStats {
    /// Nothing is there.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let object_stats = Self {
            counts: [const { Atomic::new(0) }; Kind::NAMES.len()],
        };

        Ok(Arc::new(object_stats, GFP_KERNEL)?)
    }

    /// Counts one until the result is dropped.
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

    /// A line for each kind.
    pub(crate) fn show(object_stats: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in Kind::NAMES.iter().zip(&object_stats.counts) {
            writeln!(f, "{} {}", name, count.load(Relaxed))?;
        }
        Ok(())
    }
}

/// One object that is there. May be dropped in any context.
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
