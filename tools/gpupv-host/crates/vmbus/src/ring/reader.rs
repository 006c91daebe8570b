// SPDX-License-Identifier: GPL-2.0
//! The consuming side: packets from the guest.

use std::sync::atomic::Ordering;

use zerocopy::FromZeros;
use zerocopy::IntoBytes;

use super::{advance, checked_index, used, Field, RingError, RingMemory};
use crate::proto::{PacketDescriptor, PacketTrailer, PacketType};

const DESCRIPTOR: u32 = size_of::<PacketDescriptor>() as u32;
const TRAILER: u32 = size_of::<PacketTrailer>() as u32;

/// A packet as it was framed in the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingPacket {
    /// What it is.
    pub kind: PacketType,
    /// Whether the sender wants a completion.
    pub completion_requested: bool,
    /// The sender's number for it.
    pub transaction_id: u64,
    /// Everything from the payload offset to the end.
    pub payload: Vec<u8>,
}

/// What [`RingReader::receive`] leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The guest waits for room and has to be signalled.
    pub signal: bool,
    /// The ring was empty at the end and the guest signals when that changes. If not, `receive`
    /// must be called again, for no signal will come.
    pub empty: bool,
}

/// Takes packets out of a ring.
pub struct RingReader<M> {
    memory: M,
    read: u32,
}

impl<M: RingMemory> RingReader<M> {
    /// Starts where the control page says.
    ///
    /// # Errors
    ///
    /// The control page holds an impossible index.
    pub fn new(memory: M) -> Result<Self, RingError> {
        let read = memory.load(Field::ReadIndex, Ordering::Acquire)?;
        let read = checked_index("read", read, memory.size())?;
        Ok(Self { memory, read })
    }

    /// Takes out all packets that are there, at most one ring full.
    ///
    /// The packets are private copies.
    ///
    /// # Errors
    ///
    /// The ring is unusable. Packets before the error are in `packets`.
    pub fn receive(&mut self, packets: &mut Vec<RingPacket>) -> Result<Received, RingError> {
        self.memory
            .store(Field::InterruptMask, 1, Ordering::Relaxed)?;
        let start = self.read;
        let write = self.write_index()?;
        while self.read != write {
            packets.push(self.packet(write)?);
        }
        let signal = start != self.read && self.publish(start)?;
        self.memory
            .store(Field::InterruptMask, 0, Ordering::Relaxed)?;
        // The guest stores its write index and then looks at the mask; we have stored the mask and
        // look at the write index now. Without a fence on both sides both could miss the other.
        self.memory.fence();
        let empty = self.write_index()? == self.read;
        Ok(Received { signal, empty })
    }

    fn write_index(&self) -> Result<u32, RingError> {
        let write = self.memory.load(Field::WriteIndex, Ordering::Acquire)?;
        checked_index("write", write, self.memory.size())
    }

    /// Copies the packet at the read index, and steps over it.
    fn packet(&mut self, write: u32) -> Result<RingPacket, RingError> {
        let (at, size) = (self.read, self.memory.size());
        let used = used(write, at, size);
        let mut descriptor = PacketDescriptor::new_zeroed();
        if used < DESCRIPTOR {
            let (offset8, len8) = (0, 0);
            return Err(RingError::Frame {
                at,
                offset8,
                len8,
                used,
            });
        }
        self.memory.read_wrapped(at, descriptor.as_mut_bytes())?;
        let (offset8, len8) = (descriptor.offset8.get(), descriptor.len8.get());
        let (offset, len) = (u32::from(offset8) * 8, u32::from(len8) * 8);
        if offset < DESCRIPTOR || offset > len || len + TRAILER > used {
            return Err(RingError::Frame {
                at,
                offset8,
                len8,
                used,
            });
        }
        let kind = PacketType::try_from(descriptor.kind.get())
            .map_err(|kind| RingError::Type { at, kind })?;
        let flags = descriptor.flags.get();
        if flags & !PacketDescriptor::COMPLETION_REQUESTED != 0 {
            return Err(RingError::Flags { at, flags });
        }
        // CAST: u32 to usize, on a 64-bit host.
        let mut payload = vec![0; (len - offset) as usize];
        self.memory
            .read_wrapped(advance(at, offset, size), &mut payload)?;
        self.read = advance(at, len + TRAILER, size);
        Ok(RingPacket {
            kind,
            completion_requested: flags & PacketDescriptor::COMPLETION_REQUESTED != 0,
            transaction_id: descriptor.transaction_id.get(),
            payload,
        })
    }

    /// Gives everything from `start` to the read index back to the guest. Returns whether the guest
    /// waits for just that.
    fn publish(&self, start: u32) -> Result<bool, RingError> {
        let size = self.memory.size();
        self.memory
            .store(Field::ReadIndex, self.read, Ordering::Release)?;
        // The guest stores its pending send size and then looks at the read index.
        self.memory.fence();
        let pending = self
            .memory
            .load(Field::PendingSendSize, Ordering::Acquire)?
            & !7;
        if pending == 0 {
            return Ok(false);
        }
        let write = self.write_index()?;
        let free_now = size - used(write, self.read, size);
        let freed = used(self.read, start, size);
        // Only the step over the threshold matters: before it was not enough, now it is. The write
        // index may have moved since the guest decided to wait, so "before" is counted with the
        // present one.
        Ok(free_now.saturating_sub(freed) <= pending && free_now > pending)
    }
}
