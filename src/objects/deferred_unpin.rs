// SPDX-License-Identifier: GPL-2.0

//! Memory of programs that is lent to the host, and when it is unpinned.
//!
//! Pages that the host was told of are unpinned when it has confirmed that it no longer uses them.
//! If it has not confirmed that, they are kept in the [`DeferredUnpin`] of the process until the
//! host has destroyed the device or the process, or until the channel of the adapter or the global
//! channel is closed. If none of this happens, they stay pinned.

use super::{
    device::Device,
    notifier_list::{
        NotifierList,
        OnLoss, //
    },
    process::Process,
    sysmem_record::SysmemRecordEntry, //
};
use crate::linux::{
    channel::Gpadl,
    ratelimit::pr_warn_limited,
    user_pages::PinnedPages, //
};
use core::mem;
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc,
        Mutex, //
    }, //
};

/// Memory in the form in which it is lent to the host. Taken back from the host when dropped.
pub(crate) enum Sysmem {
    /// The host knows the page frame numbers.
    Pages(PinnedPages),
    /// The host knows a GPADL, which is torn down before the pages are unpinned.
    Gpadl(Gpadl),
}

impl Sysmem {
    /// Returns the number of pages.
    fn pages(&self) -> usize {
        match self {
            Self::Pages(pages) => pages.len(),
            Self::Gpadl(gpadl) => gpadl.pages(),
        }
    }
}

/// An element of a singly linked list that grows without allocating.
struct Node {
    device: Arc<Device>,
    sysmem: Sysmem,
    entry: SysmemRecordEntry,
    next: Option<KBox<Node>>,
}

/// A singly linked list of [`Node`]s.
struct List(Option<KBox<Node>>);

impl List {
    fn push(&mut self, mut node: KBox<Node>) {
        node.next = self.0.take();
        self.0 = Some(node);
    }

    fn pop(&mut self) -> Option<KBox<Node>> {
        let mut node = self.0.take()?;

        self.0 = node.next.take();
        Some(node)
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // Iteratively, as dropping a long list recursively would overflow the stack.
        while self.pop().is_some() {}
    }
}

struct Kept {
    list: List,
    /// Whether the host has destroyed the process, after which no memory is kept.
    over: bool,
}

impl Drop for Kept {
    fn drop(&mut self) {
        // The list is empty here, as each node's device keeps the notifiers that hold this object.
        // If it is not, the memory is leaked rather than unpinned while the host may use it.
        while let Some(node) = self.list.pop() {
            mem::forget(KBox::into_inner(node).sysmem);
        }
    }
}

/// The memory of one process that the host has not confirmed to be unused.
#[pin_data]
pub(crate) struct DeferredUnpin {
    /// The notifiers called when the global channel is closed.
    host: Arc<NotifierList>,
    #[pin]
    kept: Mutex<Kept>,
}

impl DeferredUnpin {
    /// Creates an empty object. `host` is the notifier list of the closing of the global channel.
    pub(crate) fn new(host: Arc<NotifierList>) -> Result<Arc<Self>> {
        let kept = Kept {
            list: List(None),
            over: false,
        };

        Arc::pin_init(
            pin_init!(Self {
                host,
                kept <- new_mutex!(kept, "DeferredUnpin::kept"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Keeps `node` until the host no longer uses its memory.
    fn keep(&self, node: KBox<Node>) {
        let device = node.device.clone();
        let mut kept = self.kept.lock();

        if kept.over {
            drop(kept);
            drop(node);
            return;
        }
        node.entry.wait();
        kept.list.push(node);
        drop(kept);
        // A notifier may have run before the node was in the list.
        if self.is_over_for(&device) {
            self.on_loss();
        }
    }

    /// Returns whether the host can no longer use memory that was lent on `device`.
    fn is_over_for(&self, device: &Device) -> bool {
        device.adapter().closed_notifiers().is_lost() || self.host.is_lost()
    }

    /// Releases the memory that was lent on those devices for which `given_back` returns `true`.
    /// May wait for the host.
    pub(crate) fn release(&self, given_back: impl Fn(&Device) -> bool) {
        // Dropped after the lock is released, as that may wait for the host.
        let mut free = List(None);
        let mut kept = self.kept.lock();
        let mut all = mem::replace(&mut kept.list, List(None));

        while let Some(node) = all.pop() {
            if given_back(&node.device) {
                free.push(node);
            } else {
                kept.list.push(node);
            }
        }
        drop(kept);
        drop(free);
    }

    /// Releases all memory, now and later, because the host has destroyed the process.
    pub(crate) fn end(&self) {
        self.kept.lock().over = true;
        self.release(|_| true);
    }

    /// Warns if memory stays pinned because the host has not confirmed the end of the process.
    pub(crate) fn abandon(&self) {
        if self.kept.lock().list.0.is_some() {
            pr_warn_limited!(
                "the host may still use memory of an ended process, which stays pinned\n"
            );
        }
    }
}

impl OnLoss for DeferredUnpin {
    fn on_loss(&self) {
        self.release(|device| self.is_over_for(device));
    }
}

/// Memory of a program that backs an allocation.
pub(crate) struct SysmemRef {
    deferred_unpin: Arc<DeferredUnpin>,
    /// Whether the host may know the memory. Then it is kept when this is dropped.
    known: Atomic<bool>,
    node: Option<KBox<Node>>,
}

impl SysmemRef {
    /// Creates the object for memory of `process` that is to be lent for an allocation on `device`.
    /// The host does not know of it yet.
    pub(crate) fn new(process: &Process, device: Arc<Device>, sysmem: Sysmem) -> Result<Arc<Self>> {
        let deferred_unpin = process.deferred_unpin().clone();
        let entry = SysmemRecordEntry::new(
            &process.driver_data().sysmem_records,
            process.number(),
            sysmem.pages(),
            device.adapter().luid(),
        )?;
        let node = KBox::new(
            Node {
                device,
                sysmem,
                entry,
                next: None,
            },
            GFP_KERNEL_ACCOUNT,
        )?;
        let memory = Self {
            deferred_unpin,
            known: Atomic::new(false),
            node: Some(node),
        };

        Ok(Arc::new(memory, GFP_KERNEL_ACCOUNT)?)
    }

    /// Returns the memory in the form in which it is lent.
    pub(crate) fn sysmem(&self) -> Option<&Sysmem> {
        self.node.as_ref().map(|node| &node.sysmem)
    }

    /// Records that the host is about to be told of the memory.
    pub(crate) fn hand_over(&self) {
        self.known.xchg(true, Full);
    }

    /// Records that the host has confirmed that it no longer uses the memory.
    pub(crate) fn give_back(&self) {
        self.known.xchg(false, Full);
    }
}

impl Drop for SysmemRef {
    fn drop(&mut self) {
        let Some(node) = self.node.take() else {
            return;
        };

        if self.known.xchg(false, Full) {
            self.deferred_unpin.keep(node);
        }
    }
}
