// SPDX-License-Identifier: GPL-2.0
//! VMBus as a Hyper-V host offers it: the control plane, GPADLs, ring buffers, and the [`Device`]
//! trait for what sits behind a channel.
//!
//! The layers, each usable and tested without the ones above it:
//!
//! * [`proto`]: the messages and packets as bytes;
//! * [`control`]: the connection and channel state machine, a message in and actions out;
//! * [`gpadl`]: guest memory that the guest lent to the host;
//! * [`ring`]: packets in and out of a ring, with the decision whether to signal;
//! * [`RingFaults`]: what can be made to go wrong on purpose;
//! * [`VmbusServer`]: the threads that tie the above to a partition and to devices.

#![forbid(unsafe_code)]

mod channel;
pub mod control;
mod device;
pub mod gpadl;
mod injection;
pub mod proto;
pub mod ring;
mod server;

pub use device::{ChannelHandle, ChannelPort, Closed, Device, Offer, OpenError, Packet, SendError};
pub use gpadl::GpadlView;
pub use injection::{Injected, Observer, PacketFault, RingFaults, Silence};
pub use server::{AddError, BusReport, DeviceId, ServerOptions, VmbusServer};
