// SPDX-License-Identifier: GPL-2.0
//! Channel messages and ring packets as bytes: layouts, encoding and decoding, no state.
//!
//! Every layout is a struct of unaligned little-endian integers, so that it has no padding and can
//! be read at any address.

mod message;
mod packet;

pub use message::{
    AllOffersDelivered, ChannelMessage, CloseChannel, GpadlBody, GpadlCreated, GpadlHeader,
    GpadlTeardown, GpadlTorndown, Header, InitiateContact, MessageType, ModifyChannel,
    ModifyChannelResponse, OfferChannel, OpenChannel, OpenChannelResult, RelidReleased,
    RequestOffers, RescindChannelOffer, Unload, UnloadResponse, VersionResponse,
};
pub use packet::{PacketDescriptor, PacketTrailer, PacketType, RingControlPage};

mod request;
pub use request::{decode, DecodeError, Request};

/// Protocol versions, major in the high half.
pub mod version {
    /// 4.0, the oldest that is accepted.
    pub const V4_0: u32 = 0x0004_0000;
    /// 4.1.
    pub const V4_1: u32 = 0x0004_0001;
    /// 5.0, the first with its own message connection.
    pub const V5_0: u32 = 0x0005_0000;
    /// 5.1.
    pub const V5_1: u32 = 0x0005_0001;
    /// 5.2.
    pub const V5_2: u32 = 0x0005_0002;
    /// 5.3, the first that answers MODIFYCHANNEL, and the newest that is accepted.
    pub const V5_3: u32 = 0x0005_0003;
    /// 6.0, confidential VMBus: refused.
    pub const V6_0: u32 = 0x0006_0000;

    /// The versions that the host speaks.
    pub const ACCEPTED: [u32; 6] = [V4_0, V4_1, V5_0, V5_1, V5_2, V5_3];
}

/// Connection ids of the hypercalls.
pub mod connection {
    /// Messages of a guest that speaks a version below 5.0.
    pub const MESSAGE_BEFORE_5_0: u32 = 1;
    /// Messages of a guest that speaks 5.0 or newer.
    pub const MESSAGE_5_0: u32 = 4;
    /// The event connection of a channel is this plus its relid.
    pub const CHANNEL_BASE: u32 = 0x2000;
}

/// The synthetic interrupt that VMBus uses.
pub const VMBUS_SINT: u8 = 2;
/// The highest relid: relids are also bit numbers in the 2048 event flags, and bit 0 is unused.
pub const RELID_MAX: u32 = 2047;
/// The size of the pages of GPADLs and rings, whatever pages the guest uses.
pub const PAGE_SIZE: u64 = 4096;
