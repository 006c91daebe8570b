// SPDX-License-Identifier: GPL-2.0
//! What can be waited for and signalled, and what waiting and signalling mean for each of them.

use std::time::{Duration, Instant};

use crate::fence::Fence;

/// How often a periodic fence goes on: the refresh rate of a usual display.
pub(crate) const PERIOD: Duration = Duration::from_nanos(16_666_667);

/// The number of the type of [`Primitive::CpuNotification`].
const CPU_NOTIFICATION: u32 = 4;
/// The number of the type of [`Primitive::Monitored`].
const MONITORED_FENCE: u32 = 5;

/// Names a primitive in the virtual machine; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SyncId(pub(crate) u64);

/// What a sync object is.
pub(crate) enum Primitive {
    /// Held by one at a time.
    Mutex { owned: bool },
    /// A number of permits.
    Semaphore { count: u32, max: u32 },
    /// A value for GPU work only.
    Fence { value: u64 },
    /// Tells the guest of each signal.
    CpuNotification { event: u64 },
    /// A value that everybody can watch.
    Monitored(Fence),
    /// A value that goes on by itself.
    Periodic { fence: Fence, next: Instant },
}

impl Primitive {
    /// Its value, if it can be watched.
    pub(crate) fn watched(&self) -> Option<&Fence> {
        match self {
            Self::Monitored(fence) | Self::Periodic { fence, .. } => Some(fence),
            _ => None,
        }
    }

    /// Whether a wait for `value` would be over. The value counts for fences only.
    pub(crate) fn is_signaled(&self, value: u64) -> bool {
        match self {
            Self::Mutex { owned } => !owned,
            Self::Semaphore { count, .. } => *count > 0,
            Self::Fence { value: reached } => *reached >= value,
            Self::CpuNotification { .. } => false,
            Self::Monitored(fence) | Self::Periodic { fence, .. } => fence.value() >= value,
        }
    }

    /// A wait is over: what can be held is held now.
    pub(crate) fn acquire(&mut self) {
        match self {
            Self::Mutex { owned } => *owned = true,
            Self::Semaphore { count, .. } => *count = count.saturating_sub(1),
            _ => {}
        }
    }

    /// Signals. Values do not go back unless `rewind` allows it. Returns the guest event to signal,
    /// if there is one.
    pub(crate) fn signal(&mut self, value: u64, rewind: bool) -> Option<u64> {
        match self {
            Self::Mutex { owned } => *owned = false,
            Self::Semaphore { count, max } => *count = count.saturating_add(1).min(*max),
            Self::Fence { value: reached } if rewind || value > *reached => *reached = value,
            Self::Monitored(fence) if rewind || value > fence.value() => fence.set(value),
            Self::CpuNotification { event } => return Some(*event),
            Self::Fence { .. } | Self::Monitored(_) | Self::Periodic { .. } => {}
        }
        None
    }

    /// Lets a periodic fence go on to where it is at `now`. Returns when it goes on again.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Instant> {
        let Self::Periodic { fence, next } = self else {
            return None;
        };
        if let Some(late) = now.checked_duration_since(*next) {
            // CAST: the number of periods that a host runs.
            let ticks = (late.as_nanos() / PERIOD.as_nanos()) as u32 + 1;
            fence.set(fence.value() + u64::from(ticks));
            *next += PERIOD * ticks;
        }
        Some(*next)
    }
}

/// What a handle of a sync object allows, and more: the bits of its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncFlags(pub(crate) u32);

impl SyncFlags {
    /// More than one process may have it.
    pub(crate) const SHARED: u32 = 1 << 0;
    /// It is shared by NT handles.
    pub(crate) const NT_SECURITY_SHARING: u32 = 1 << 1;
    const CROSS_ADAPTER: u32 = 1 << 2;
    const TOP_OF_PIPELINE: u32 = 1 << 3;
    const NO_SIGNAL: u32 = 1 << 4;
    const NO_WAIT: u32 = 1 << 5;
    const NO_SIGNAL_MAX_VALUE_ON_TDR: u32 = 1 << 6;
    const NO_GPU_ACCESS: u32 = 1 << 7;
    const SIGNAL_BY_KMD: u32 = 1 << 8;
    const UNWAIT_CPU_WAITERS_ONLY_ON_DESTROY: u32 = 1 << 10;
    /// Bits that only monitored fences may have.
    const FOR_MONITORED_FENCES: u32 = Self::TOP_OF_PIPELINE | Self::NO_SIGNAL | Self::NO_WAIT;
    /// All bits that mean something to a host of WDDM 3.2.
    const KNOWN: u32 = 0xFF | Self::SIGNAL_BY_KMD | Self::UNWAIT_CPU_WAITERS_ONLY_ON_DESTROY;

    /// Whether all bits mean something, and go together.
    pub(crate) fn are_possible(self) -> bool {
        let neither = Self::NO_SIGNAL | Self::NO_WAIT;
        self.0 & !Self::KNOWN == 0 && self.0 & neither != neither
    }

    /// Whether an object of this type may be made with the bits.
    pub(crate) fn fit(self, kind: u32) -> bool {
        let is_shared = self.0 & Self::SHARED != 0;
        let by_handle = self.0 & Self::NT_SECURITY_SHARING != 0;
        let only_monitored = self.0 & Self::FOR_MONITORED_FENCES != 0;
        let only_notification = self.0 & Self::SIGNAL_BY_KMD != 0;
        is_shared == by_handle
            && (!only_monitored || kind == MONITORED_FENCE)
            && (!only_notification || kind == CPU_NOTIFICATION)
    }

    /// Whether others may open it on another adapter.
    pub(crate) fn is_cross_adapter(self) -> bool {
        self.0 & Self::CROSS_ADAPTER != 0
    }

    /// Whether it is shared.
    pub(crate) fn is_shared(self) -> bool {
        self.0 & Self::SHARED != 0
    }

    /// Whether it may be signalled.
    pub(crate) fn may_signal(self) -> bool {
        self.0 & Self::NO_SIGNAL == 0
    }

    /// Whether it may be waited for.
    pub(crate) fn may_wait(self) -> bool {
        self.0 & Self::NO_WAIT == 0
    }

    /// Whether the GPU has an address for its value.
    pub(crate) fn has_gpu_address(self) -> bool {
        self.0 & Self::NO_GPU_ACCESS == 0
    }

    /// Whether the waits of CPUs that were begun with a handle end with that handle.
    pub(crate) fn ends_waits_with_handle(self) -> bool {
        self.0 & Self::UNWAIT_CPU_WAITERS_ONLY_ON_DESTROY == 0
    }

    /// Whether it jumps to its end when its device is given up.
    pub(crate) fn ends_on_reset(self) -> bool {
        self.0 & Self::NO_SIGNAL_MAX_VALUE_ON_TDR == 0
    }
}

/// A sync object of a process.
pub(crate) struct SyncObject {
    pub(crate) sync: SyncId,
    pub(crate) flags: SyncFlags,
}

/// The fence that belongs to a paging queue or a hardware queue.
pub(crate) struct QueueFence {
    pub(crate) sync: SyncId,
}
