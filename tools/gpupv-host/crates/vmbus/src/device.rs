// SPDX-License-Identifier: GPL-2.0
//! What a device behind a channel has to implement, and what it is given to answer with.

use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use crate::gpadl::GpadlView;

/// A device that the guest sees as a channel.
///
/// The methods are called by two threads (the control thread, and the worker of the open channel),
/// one at a time. They must return quickly: while a device works, nobody empties the ring, and a
/// guest gives up on a full ring after a tenth of a second. Long work belongs on a thread of the
/// device, which answers through its [`ChannelHandle`].
pub trait Device: Send {
    /// How the device presents itself. Must always give the same answer.
    fn offer(&self) -> Offer;

    /// The guest opened the channel. `channel` may be used at once; what is sent reaches the guest
    /// after it has been told that the channel is open.
    ///
    /// # Errors
    ///
    /// The device cannot be used; the guest is told that the open failed.
    fn open(&mut self, channel: ChannelHandle) -> Result<(), OpenError>;

    /// A packet arrived. It is a private copy that the guest cannot change any more.
    fn packet(&mut self, packet: Packet);

    /// The channel is closed: the handle is dead, no more packets come until the next `open`.
    fn closed(&mut self, why: Closed);

    /// The guest lent memory to the device (`Some`), or is about to take it back (`None`).
    ///
    /// The rings of the channel are announced like anything else.
    fn gpadl(&mut self, id: u32, memory: Option<GpadlView>);
}

/// How a device presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which driver is wanted.
    pub class: Uuid,
    /// Which device it is; unique per class.
    pub instance: Uuid,
    /// How much address space the driver should reserve, in MiB.
    pub mmio_megabytes: u16,
    /// The longest packet, with its descriptor, that the guest's driver can take.
    ///
    /// A guest that receives a longer one loses its place in the ring, so longer ones are refused
    /// on our side.
    pub max_packet: usize,
}

impl Offer {
    /// What the VMBus core of the guest can take when the driver has not asked for more.
    pub const DEFAULT_MAX_PACKET: usize = 4096;
}

/// A packet from the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What to complete it with.
    pub transaction_id: u64,
    /// Whether the guest waits for a completion.
    pub completion_requested: bool,
    /// The content, padded by the guest to a multiple of 8.
    pub payload: Vec<u8>,
}

/// Why a channel was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The guest closed it.
    ByGuest,
    /// The guest took away the memory of the rings without closing.
    RingsTornDown,
    /// We took the offer back.
    Rescinded,
    /// We took the offer back because the guest broke the ring.
    RingBroken,
    /// The guest unloaded VMBus or started over.
    Reset,
    /// The virtual machine ends.
    Shutdown,
}

/// A device refuses to be opened.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct OpenError(pub String);

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// The channel is closed.
    #[error("the channel is closed")]
    Closed,
    /// The guest could not receive it.
    #[error("a packet of {size} bytes, at most {limit} can be received")]
    TooLarge {
        /// Its size with the descriptor.
        size: usize,
        /// The limit for this channel.
        limit: usize,
    },
    /// The guest does not read its ring and too much is waiting already.
    #[error("the guest does not read its ring")]
    Overflow,
}

/// What a [`ChannelHandle`] leads to. Implemented by open channels, and by tests of devices.
pub trait ChannelPort: Send + Sync {
    /// Queues the completion of the packet `transaction_id`.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    fn complete(&self, transaction_id: u64, payload: &[u8]) -> Result<(), SendError>;

    /// Queues a packet that wants no completion.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    fn send(&self, payload: &[u8]) -> Result<(), SendError>;

    /// Takes the offer of this channel back.
    fn rescind(&self);
}

/// A device's end of its open channel. No method blocks, whatever the guest does.
#[derive(Clone)]
pub struct ChannelHandle(Arc<dyn ChannelPort>);

impl ChannelHandle {
    /// A handle that leads to `port`.
    pub fn new(port: Arc<dyn ChannelPort>) -> Self {
        Self(port)
    }

    /// Answers the packet `transaction_id`.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub fn complete(&self, transaction_id: u64, payload: &[u8]) -> Result<(), SendError> {
        self.0.complete(transaction_id, payload)
    }

    /// Sends a packet that wants no answer.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub fn send(&self, payload: &[u8]) -> Result<(), SendError> {
        self.0.send(payload)
    }

    /// Takes the offer of this channel back; the device hears of it through [`Device::closed`].
    pub fn rescind(&self) {
        self.0.rescind();
    }
}
