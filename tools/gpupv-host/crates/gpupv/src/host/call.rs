// SPDX-License-Identifier: GPL-2.0
//! A command on its way to its handler, and the ways in which it ends.

use zerocopy::{FromBytes, IntoBytes};

use super::channels::Ticket;
use crate::command::PAYLOAD_MAX;
use crate::handles::Handle;
use crate::status::NtStatus;
use crate::wire::read_padded;

/// Why a command is not answered with success at once.
#[derive(Debug)]
pub(crate) enum Fail {
    /// It fails, as it may.
    Status(NtStatus),
    /// It fails because the guest did something that no guest should do.
    Violation(NtStatus, String),
    /// It does not fail: whoever took the ticket of the call answers it later.
    Later,
}

impl From<NtStatus> for Fail {
    fn from(status: NtStatus) -> Self {
        Self::Status(status)
    }
}

/// What a command is answered with.
pub(crate) type Reply = Result<Vec<u8>, Fail>;

/// The answer of a command that has nothing to say but that it worked.
pub(super) fn success() -> Reply {
    Ok(NtStatus::SUCCESS.0.to_le_bytes().to_vec())
}

/// The answer in a struct.
pub(super) fn answer<T: IntoBytes + zerocopy::Immutable>(reply: &T) -> Reply {
    Ok(reply.as_bytes().to_vec())
}

/// A guest broke a limit that it must check before it sends anything.
pub(super) fn broken<T>(text: String) -> Result<T, Fail> {
    Err(Fail::Violation(NtStatus::INVALID_PARAMETER, text))
}

/// The answer of a command that makes something is `len` bytes long. What the guest cannot be told of
/// must not be made.
pub(super) fn check_answer(len: usize) -> Result<(), Fail> {
    if len > PAYLOAD_MAX {
        Err(NtStatus::BUFFER_TOO_SMALL.into())
    } else {
        Ok(())
    }
}

/// A command with a caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// The process in the header; 0 where there must be none.
    pub(super) process: Handle,
    /// The request from its command header on.
    pub(super) bytes: &'a [u8],
    /// For an answer that comes later.
    pub(super) ticket: Ticket,
}

impl Call<'_> {
    /// The fixed part of the request.
    pub(super) fn read<T: FromBytes + IntoBytes>(&self) -> T {
        read_padded(self.bytes)
    }

    /// `len` bytes from `at` on.
    ///
    /// # Errors
    ///
    /// The request is shorter than it says.
    pub(super) fn bytes(&self, at: usize, len: usize) -> Result<&[u8], Fail> {
        let end = at.checked_add(len);
        match end.and_then(|end| self.bytes.get(at..end)) {
            Some(bytes) => Ok(bytes),
            None => broken(format!(
                "{len} bytes of data in {}, from {at} on",
                self.bytes.len()
            )),
        }
    }

    /// `count` words from `at` on.
    ///
    /// # Errors
    ///
    /// The request is shorter than it says.
    pub(super) fn words(&self, at: usize, count: u32) -> Result<Vec<u32>, Fail> {
        // CAST: u32 to usize, on a 64-bit host.
        let bytes = self.bytes(at, (count as usize).saturating_mul(4))?;
        let word = |chunk: &[u8]| u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        Ok(bytes.chunks_exact(4).map(word).collect())
    }

    /// `count` pairs of words from `at` on.
    ///
    /// # Errors
    ///
    /// The request is shorter than it says.
    pub(super) fn longs(&self, at: usize, count: usize) -> Result<Vec<u64>, Fail> {
        let bytes = self.bytes(at, count.saturating_mul(8))?;
        let long = |chunk: &[u8]| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            u64::from_le_bytes(bytes)
        };
        Ok(bytes.chunks_exact(8).map(long).collect())
    }

    /// `count` handles from `at` on.
    ///
    /// # Errors
    ///
    /// The request is shorter than it says.
    pub(super) fn handles(&self, at: usize, count: u32) -> Result<Vec<Handle>, Fail> {
        Ok(self.words(at, count)?.into_iter().map(Handle).collect())
    }
}
