// SPDX-License-Identifier: GPL-2.0
//! What the host holds for the guest, apart from processes and their handles.

use serde::Serialize;

use super::plural;

/// Numbers of things. All of them are 0 when no process and no shared handle is left, the last one
/// when the guest has taken back what it lent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Leftovers {
    /// Shared (NT) handles.
    pub shared_objects: u64,
    /// Sync objects and fences of queues, each once however many have it.
    pub fences: u64,
    /// Queues of work.
    pub queues: u64,
    /// Waits of CPUs.
    pub waits: u64,
    /// Memory behind allocations, each piece once however many have it.
    pub memories: u64,
    /// Pages that the guest can look at.
    pub io_pages: u64,
    /// Memory that the guest has lent, if the report includes the bus. The rings of a channel, which
    /// stay when a guest is switched off, do not count.
    pub gpadls: u64,
}

impl Leftovers {
    /// What there is, in words.
    pub fn in_words(&self) -> impl Iterator<Item = String> {
        [
            (self.shared_objects, "shared object"),
            (self.fences, "fence"),
            (self.queues, "queue"),
            (self.waits, "wait"),
            (self.memories, "memory block"),
            (self.io_pages, "visible page"),
            (self.gpadls, "GPADL"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, thing)| plural(count, thing))
    }
}
