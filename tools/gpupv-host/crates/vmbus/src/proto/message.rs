// SPDX-License-Identifier: GPL-2.0
//! The layout of each channel message.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The number that opens every channel message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum MessageType {
    OfferChannel = 1,
    RescindChannelOffer = 2,
    RequestOffers = 3,
    AllOffersDelivered = 4,
    OpenChannel = 5,
    OpenChannelResult = 6,
    CloseChannel = 7,
    GpadlHeader = 8,
    GpadlBody = 9,
    GpadlCreated = 10,
    GpadlTeardown = 11,
    GpadlTorndown = 12,
    RelidReleased = 13,
    InitiateContact = 14,
    VersionResponse = 15,
    Unload = 16,
    UnloadResponse = 17,
    SocketConnectRequest = 21,
    ModifyChannel = 22,
    SocketConnectResult = 23,
    ModifyChannelResponse = 24,
}

impl TryFrom<u32> for MessageType {
    type Error = u32;

    fn try_from(number: u32) -> Result<Self, u32> {
        Ok(match number {
            1 => Self::OfferChannel,
            2 => Self::RescindChannelOffer,
            3 => Self::RequestOffers,
            4 => Self::AllOffersDelivered,
            5 => Self::OpenChannel,
            6 => Self::OpenChannelResult,
            7 => Self::CloseChannel,
            8 => Self::GpadlHeader,
            9 => Self::GpadlBody,
            10 => Self::GpadlCreated,
            11 => Self::GpadlTeardown,
            12 => Self::GpadlTorndown,
            13 => Self::RelidReleased,
            14 => Self::InitiateContact,
            15 => Self::VersionResponse,
            16 => Self::Unload,
            17 => Self::UnloadResponse,
            21 => Self::SocketConnectRequest,
            22 => Self::ModifyChannel,
            23 => Self::SocketConnectResult,
            24 => Self::ModifyChannelResponse,
            unknown => return Err(unknown),
        })
    }
}

/// A message of a fixed layout (the GPADL messages have a list of page numbers behind it).
pub trait ChannelMessage:
    Sized + FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned
{
    /// The number that stands in its header.
    const TYPE: MessageType;

    /// The message with its header filled in and everything else zero.
    fn blank() -> Self {
        let mut message = Self::new_zeroed();
        let header = Header::new(Self::TYPE);
        message.as_mut_bytes()[..size_of::<Header>()].copy_from_slice(header.as_bytes());
        message
    }
}

/// Declares one message: its layout and its number.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident : $type:ty),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
        #[repr(C)]
        pub struct $name {
            /// Type and padding.
            pub header: Header,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl ChannelMessage for $name {
            const TYPE: MessageType = MessageType::$name;
        }
    };
}

/// What every message starts with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    /// A [`MessageType`].
    pub kind: U32,
    /// Zero.
    pub padding: U32,
}

impl Header {
    /// The header of a message of type `kind`.
    pub fn new(kind: MessageType) -> Self {
        Self {
            kind: (kind as u32).into(),
            padding: 0.into(),
        }
    }
}

message! {
    /// The guest asks for a connection of a certain version.
    InitiateContact {
        /// The version it wants to speak.
        version: U32,
        /// The virtual processor that shall receive our messages.
        target_vp: U32,
        /// From 5.0 on: the synthetic interrupt for messages.
        ///
        /// Below 5.0 this and the next three fields are the address of the interrupt page.
        sint: u8,
        /// From 5.0 on: the virtual trust level.
        vtl: u8,
        /// Unused.
        reserved: [u8; 2],
        /// From 6.0 on: features the guest asks for.
        feature_flags: U32,
        /// Address of the first monitor page.
        monitor_page_1: U64,
        /// Address of the second monitor page.
        monitor_page_2: U64,
    }
}

message! {
    /// The answer to [`InitiateContact`].
    VersionResponse {
        /// 1 if the version is accepted.
        version_supported: u8,
        /// 0 for success.
        connection_state: u8,
        /// Zero.
        padding2: U16,
        /// From 5.0 on the connection id for all later messages; below, the version.
        connection_id_or_version: U32,
    }
}

message! {
    /// The guest asks which channels there are.
    RequestOffers {}
}

message! {
    /// One channel.
    OfferChannel {
        /// What kind of device is behind it, in GUID memory order.
        class_guid: [u8; 16],
        /// Which one it is.
        instance_guid: [u8; 16],
        /// Zero.
        reserved: [u8; 16],
        /// Zero for a plain packet channel.
        flags: U16,
        /// How much address space the device's driver should reserve.
        mmio_megabytes: U16,
        /// Meaning depends on the class; zero here.
        user_defined: [u8; 120],
        /// Zero for a primary channel.
        sub_channel_index: U16,
        /// Zero.
        reserved2: U16,
        /// The number of the channel in this connection.
        relid: U32,
        /// Unused: no monitor is ever allocated.
        monitor_id: u8,
        /// Zero.
        monitor_allocated: u8,
        /// 1: the event flag alone announces data, no interrupt page.
        dedicated_interrupt: U16,
        /// The connection id of the guest's signals.
        connection_id: U32,
    }
}

message! {
    /// A channel leaves.
    RescindChannelOffer {
        /// Which.
        relid: U32,
    }
}

message! {
    /// Every channel there is has been offered.
    AllOffersDelivered {}
}

message! {
    /// The guest opens a channel on rings it has lent us.
    OpenChannel {
        /// Which channel.
        relid: U32,
        /// To be echoed.
        open_id: U32,
        /// The GPADL that holds both rings.
        ring_gpadl: U32,
        /// The virtual processor to interrupt.
        target_vp: U32,
        /// Where the host-to-guest ring starts, in pages.
        downstream_page_offset: U32,
        /// Meaning depends on the class.
        user_data: [u8; 120],
    }
}

message! {
    /// The answer to [`OpenChannel`].
    OpenChannelResult {
        /// Which channel.
        relid: U32,
        /// The number from the request.
        open_id: U32,
        /// 0 if it is open.
        status: U32,
    }
}

message! {
    /// The guest closes a channel. There is no answer.
    CloseChannel {
        /// Which.
        relid: U32,
    }
}

message! {
    /// The start of a list of page numbers; as many as fit follow.
    GpadlHeader {
        /// The channel it belongs to.
        relid: U32,
        /// The number the guest gave it.
        gpadl: U32,
        /// Bytes of all range descriptions, modulo 65536: useless for long lists.
        range_buflen: U16,
        /// How many ranges.
        range_count: U16,
        /// Bytes of the first range.
        byte_count: U32,
        /// Where in its first page the first range starts.
        byte_offset: U32,
    }
}

message! {
    /// More page numbers follow.
    GpadlBody {
        /// Always 0 from Linux, so never looked at.
        message_number: U32,
        /// Which list it continues.
        gpadl: U32,
    }
}

message! {
    /// The answer to a complete list.
    GpadlCreated {
        /// From the request.
        relid: U32,
        /// From the request.
        gpadl: U32,
        /// 0 if the memory is usable.
        status: U32,
    }
}

message! {
    /// The guest wants its memory back.
    GpadlTeardown {
        /// The channel it belongs to.
        relid: U32,
        /// Which.
        gpadl: U32,
    }
}

message! {
    /// The answer to [`GpadlTeardown`].
    GpadlTorndown {
        /// From the request.
        gpadl: U32,
    }
}

message! {
    /// The guest is done with a rescinded channel. There is no answer.
    RelidReleased {
        /// Which.
        relid: U32,
    }
}

message! {
    /// The guest ends the connection.
    Unload {}
}

message! {
    /// The answer to [`Unload`].
    UnloadResponse {}
}

message! {
    /// The guest moves a channel's interrupt.
    ModifyChannel {
        /// Which channel.
        relid: U32,
        /// The virtual processor to interrupt from now on.
        target_vp: U32,
    }
}

message! {
    /// The answer to [`ModifyChannel`], from 5.3 on.
    ModifyChannelResponse {
        /// Which channel.
        relid: U32,
        /// 0 for success.
        status: U32,
    }
}
