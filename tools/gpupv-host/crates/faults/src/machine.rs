// SPDX-License-Identifier: GPL-2.0
//! What faults need of the machine around the devices.

use std::sync::Arc;

use vmbus::proto::MessageType;
use vmbus::{Observer, RingFaults};

use crate::plan::Channel;

/// The machine. No method waits for anything.
pub trait Machine: Send + Sync {
    /// Takes a channel back.
    fn rescind(&self, channel: Channel);

    /// Offers a channel again that was taken back.
    fn offer_again(&self, channel: Channel);

    /// Asks the guest to give up an adapter's PCI function.
    fn eject(&self, adapter: usize);

    /// Tears an adapter's PCI function out.
    fn tear_out(&self, adapter: usize);

    /// Puts an adapter's PCI function back into its slot. Returns whether the slot was empty.
    fn insert(&self, adapter: usize) -> bool;

    /// The faults of the rings of a channel.
    fn ring_faults(&self, channel: Channel) -> Option<Arc<RingFaults>>;

    /// Holds control messages of these types back, and sends the others that were held back.
    fn hold_messages(&self, kinds: &[MessageType], observer: Observer);
}
