// SPDX-License-Identifier: GPL-2.0
//! What the state machine wants done.

use crate::device::Closed;
use crate::gpadl::PageList;

/// A device of the server; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// How to open a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// The device behind it.
    pub device: DeviceId,
    /// The channel.
    pub relid: u32,
    /// The virtual processor to interrupt.
    pub vp: u32,
    /// Both rings, the guest's first.
    pub pages: PageList,
    /// Where the host's ring starts, in bytes.
    pub downstream: u64,
}

/// One thing to do. A list of them is to be done in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message to the guest.
    Post {
        /// To this virtual processor.
        vp: u32,
        /// The message.
        payload: Vec<u8>,
    },
    /// Drop the messages that the guest has not taken yet.
    ClearMessages,
    /// Listen to the guest's signals on a channel.
    Bind {
        /// The device behind it.
        device: DeviceId,
        /// The channel.
        relid: u32,
    },
    /// Stop listening; the channel number is free.
    Unbind {
        /// The channel.
        relid: u32,
    },
    /// Open the rings and the device, and report to [`Control::opened`](super::Control::opened).
    /// Nothing may reach the guest yet.
    Open(OpenRequest),
    /// The guest knows that the channel is open: let packets flow.
    Start {
        /// The channel.
        relid: u32,
    },
    /// Stop using the rings and tell the device.
    Close {
        /// The channel.
        relid: u32,
        /// Why.
        why: Closed,
    },
    /// Interrupt another virtual processor from now on.
    Retarget {
        /// The channel.
        relid: u32,
        /// The virtual processor.
        vp: u32,
    },
    /// Tell a device of memory lent to it.
    GpadlCreated {
        /// The device.
        device: DeviceId,
        /// The guest's number for it.
        gpadl: u32,
        /// The memory.
        pages: PageList,
    },
    /// Tell a device that memory is taken back.
    GpadlGone {
        /// The device.
        device: DeviceId,
        /// The guest's number for it.
        gpadl: u32,
    },
}
