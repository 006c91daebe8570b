// SPDX-License-Identifier: GPL-2.0
//! From the bytes of a message to what the guest wants.

use thiserror::Error;
use zerocopy::FromBytes;

use super::message::{
    ChannelMessage, CloseChannel, GpadlBody, GpadlHeader, GpadlTeardown, Header, InitiateContact,
    MessageType, ModifyChannel, OpenChannel, RelidReleased,
};

/// A message from the guest.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each variant is the message of that name")]
pub enum Request<'a> {
    InitiateContact(InitiateContact),
    RequestOffers,
    OpenChannel(OpenChannel),
    CloseChannel(CloseChannel),
    /// The bytes are those behind the fixed part: page numbers and possibly a surplus.
    GpadlHeader(GpadlHeader, &'a [u8]),
    /// The bytes are those behind the fixed part: page numbers and possibly a surplus.
    GpadlBody(GpadlBody, &'a [u8]),
    GpadlTeardown(GpadlTeardown),
    RelidReleased(RelidReleased),
    Unload,
    ModifyChannel(ModifyChannel),
    /// Hyper-V sockets do not exist here; the guest expects no answer for a refusal.
    SocketConnect,
}

/// Why a message makes no sense.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// It does not even hold a header.
    #[error("a channel message of {0} bytes has no header")]
    NoHeader(usize),
    /// It ends inside its fixed part.
    #[error("{kind:?} of {len} bytes, at least {need} are needed")]
    Short {
        /// What it claims to be.
        kind: MessageType,
        /// Its length.
        len: usize,
        /// The length of the fixed part.
        need: usize,
    },
    /// Only the host may send this one.
    #[error("{0:?} is a message of the host")]
    Direction(MessageType),
    /// A number without meaning.
    #[error("unknown channel message {0}")]
    Unknown(u32),
}

/// Reads one message.
///
/// # Errors
///
/// The message is too short for its type, of an unknown type, or one that only the host sends.
pub fn decode(payload: &[u8]) -> Result<Request<'_>, DecodeError> {
    let (header, _) =
        Header::read_from_prefix(payload).map_err(|_| DecodeError::NoHeader(payload.len()))?;
    let kind = MessageType::try_from(header.kind.get()).map_err(DecodeError::Unknown)?;
    Ok(match kind {
        MessageType::InitiateContact => Request::InitiateContact(fixed(payload)?.0),
        MessageType::RequestOffers => Request::RequestOffers,
        MessageType::OpenChannel => Request::OpenChannel(fixed(payload)?.0),
        MessageType::CloseChannel => Request::CloseChannel(fixed(payload)?.0),
        MessageType::GpadlHeader => {
            let (message, rest) = fixed(payload)?;
            Request::GpadlHeader(message, rest)
        }
        MessageType::GpadlBody => {
            let (message, rest) = fixed(payload)?;
            Request::GpadlBody(message, rest)
        }
        MessageType::GpadlTeardown => Request::GpadlTeardown(fixed(payload)?.0),
        MessageType::RelidReleased => Request::RelidReleased(fixed(payload)?.0),
        MessageType::Unload => Request::Unload,
        MessageType::ModifyChannel => Request::ModifyChannel(fixed(payload)?.0),
        MessageType::SocketConnectRequest => Request::SocketConnect,
        MessageType::OfferChannel
        | MessageType::RescindChannelOffer
        | MessageType::AllOffersDelivered
        | MessageType::OpenChannelResult
        | MessageType::GpadlCreated
        | MessageType::GpadlTorndown
        | MessageType::VersionResponse
        | MessageType::UnloadResponse
        | MessageType::SocketConnectResult
        | MessageType::ModifyChannelResponse => return Err(DecodeError::Direction(kind)),
    })
}

/// The fixed part of a message and what follows it.
fn fixed<M: ChannelMessage>(payload: &[u8]) -> Result<(M, &[u8]), DecodeError> {
    M::read_from_prefix(payload).map_err(|_| DecodeError::Short {
        kind: M::TYPE,
        len: payload.len(),
        need: size_of::<M>(),
    })
}
