// SPDX-License-Identifier: GPL-2.0

//! Memory of programs that the host may use, and what becomes of it.
//!
//! Pages that the host was told of are let go of when it has said that it does not use them any
//! more. If it has not said so they go to the [`DeferredUnpin`] of the process, until the host has
//! destroyed the device, or the process, or until the channel of the adapter or the global one is
//! closed. If none of this comes true they stay pinned.

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

/// Memory in the form the host knows it by. It is taken back when this is dropped.
pub(crate) enum Sysmem {
    /// The host knows the numbers of the pages.
    Pages(PinnedPages),
    /// The host knows a handle, which it gives up first.
    Gpadl(Gpadl),
}

impl Sysmem {
    /// How many pages.
    fn pages(&self) -> usize {
        match self {
            Self::Pages(pages) => pages.len(),
            Self::Gpadl(gpadl) => gpadl.pages(),
        }
    }
}

/// A link of a list that grows without allocating.
struct Node {
    device: Arc<Device>,
    sysmem: Sysmem,
    entry: SysmemRecordEntry,
    next: Option<KBox<Node>>,
}

/// A list of them.
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
        // One by one: the list may be longer than the stack is deep.
        while self.pop().is_some() {}
    }
}

struct Kept {
    list: List,
    /// Nothing is kept any more: the host has no process that could use it.
    over: bool,
}

impl Drop for Kept {
    fn drop(&mut self) {
        // None, as each node keeps its deferred_unpin where it is told of the end, see `Device`.
        while let Some(node) = self.list.pop() {
            mem::forget(KBox::into_inner(node).sysmem);
        }
    }
}

/// What the host has not given back yet, of one process.
#[pin_data]
pub(crate) struct DeferredUnpin {
    /// Those who are told when the host has forgotten the process.
    host: Arc<NotifierList>,
    #[pin]
    kept: Mutex<Kept>,
}

impl DeferredUnpin {
    /// Nothing. `host` are those who are told when the global channel was closed.
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
        // Who is told of the end may have looked before it was there.
        if self.is_over_for(&device) {
            self.on_loss();
        }
    }

    /// Whether the host uses nothing any more that was lent on `device`.
    fn is_over_for(&self, device: &Device) -> bool {
        device.adapter().closed_notifiers().is_lost() || self.host.is_lost()
    }

    /// Lets go of what was lent on those devices for which `given_back` says so.
    pub(crate) fn release(&self, given_back: impl Fn(&Device) -> bool) {
        // Dropped after the lock is released: that may wait for the host.
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

    /// The host has no such process any more.
    pub(crate) fn end(&self) {
        self.kept.lock().over = true;
        self.release(|_| true);
    }

    /// The process has ended, and the host has not said so.
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

/// Memory of a program that an allocation consists of.
pub(crate) struct SysmemRef {
    deferred_unpin: Arc<DeferredUnpin>,
    /// The host knows of it, as far as we know.
    known: Atomic<bool>,
    node: Option<KBox<Node>>,
}

impl SysmemRef {
    /// Memory of `process` that is to be lent for an allocation on `device`. The host does not know of it yet.
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

    /// What it is lent as.
    pub(crate) fn sysmem(&self) -> Option<&Sysmem> {
        self.node.as_ref().map(|node| &node.sysmem)
    }

    /// The host is about to be told.
    pub(crate) fn hand_over(&self) {
        self.known.xchg(true, Full);
    }

    /// The host has said that it does not use the memory any more.
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
