// SPDX-License-Identifier: GPL-2.0
//! The answer to a command that failed.
//!
//! A guest looks at the status only if the answer is as long as that of a command that worked, so
//! each command fails in its own form. Answers without a status have two: a handle of 0 where the
//! guest looks for that, and otherwise an answer that is too short.

use crate::status::NtStatus;

/// The longest payload that a guest can receive in one packet.
pub(crate) const PAYLOAD_MAX: usize = (128 << 10) - 16;

/// How the answer to a failed command looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// `len` bytes, zero but for the status.
    Status {
        /// Where the status stands.
        at: usize,
        /// How long the answer is.
        len: usize,
    },
    /// As `Status`, and a 32-bit word for each of a number of objects (at least one), which stands
    /// in the request.
    Counted {
        /// Where the status stands.
        at: usize,
        /// How long the answer is without the words.
        len: usize,
        /// Where in the request the number stands.
        count_at: usize,
    },
    /// `len` zeros: the handle that was not made.
    Zero {
        /// How long the answer is.
        len: usize,
    },
    /// Nothing at all, where the guest expects something.
    Short,
    /// Status and as much data as was asked with; or nothing, if there is no status (below
    /// interface version 40).
    QueryAdapterInfo,
    /// The request with a context handle of 0.
    ContextEcho,
    /// The request with a status in it.
    HwQueueEcho,
    /// Status, and room for driver data of two sizes that stand in the request.
    StandardAllocationData,
}

impl Failure {
    /// The answer to `request` (which starts at its command header) that says `status`.
    pub fn reply(self, request: &[u8], status: NtStatus, has_query_status: bool) -> Vec<u8> {
        match self {
            Self::Status { at, len } => with_status(len, at, status),
            Self::Counted { at, len, count_at } => {
                let words = word(request, count_at).max(1);
                with_status(len.saturating_add(words.saturating_mul(4)), at, status)
            }
            Self::Zero { len } => vec![0; len],
            Self::Short => Vec::new(),
            Self::QueryAdapterInfo if has_query_status => {
                with_status(word(request, 28).saturating_add(4), 0, status)
            }
            Self::QueryAdapterInfo => Vec::new(),
            Self::ContextEcho => echo(request, word(request, 48).saturating_add(55), None),
            Self::HwQueueEcho => {
                let len = word(request, 64).saturating_add(71).max(72);
                echo(request, len, Some((24, status)))
            }
            Self::StandardAllocationData => {
                let data = word(request, 28).saturating_add(word(request, 32));
                with_status(data.saturating_add(36), 0, status)
            }
        }
    }
}

/// A word of the request as a size; 0 if the request is too short to have it.
fn word(request: &[u8], at: usize) -> usize {
    request
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        // CAST: u32 to usize, on a 64-bit host.
        .map_or(0, |bytes| u32::from_le_bytes(bytes) as usize)
}

fn with_status(len: usize, at: usize, status: NtStatus) -> Vec<u8> {
    let mut reply = vec![0; len.clamp(at + 4, PAYLOAD_MAX)];
    reply[at..at + 4].copy_from_slice(&status.0.to_le_bytes());
    reply
}

/// The request, cut or filled to `len`, with the outputs in its first part zeroed.
fn echo(request: &[u8], len: usize, status: Option<(usize, NtStatus)>) -> Vec<u8> {
    let mut reply = request.to_vec();
    reply.resize(len.clamp(56, PAYLOAD_MAX), 0);
    // The handle that was not made: the word after the header in both structures, or the status.
    reply[24..28].fill(0);
    if let Some((at, status)) = status {
        // Status, queue, progress fence, and its addresses.
        reply[24..56].fill(0);
        reply[at..at + 4].copy_from_slice(&status.0.to_le_bytes());
    }
    reply
}
