// SPDX-License-Identifier: GPL-2.0
//! The producing side: packets to the guest.

use std::sync::atomic::Ordering;

use zerocopy::IntoBytes;

use super::{advance, checked_index, used, Field, RingError, RingMemory};
use crate::injection::PacketFault;
use crate::proto::{PacketDescriptor, PacketTrailer, PacketType, RingControlPage};

/// A packet to be framed.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// What it is: in-band or a completion.
    pub kind: PacketType,
    /// The number of the packet that it completes, or 0.
    pub transaction_id: u64,
    /// The content.
    pub payload: &'a [u8],
}

impl Outgoing<'_> {
    /// The length of the frame without its trailer: what the guest's receive buffer must hold.
    pub fn framed_len(&self) -> usize {
        (size_of::<PacketDescriptor>() + self.payload.len()).next_multiple_of(8)
    }
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is in the ring.
    Done {
        /// The guest has to be signalled.
        signal: bool,
    },
    /// There is no room. The guest has been asked to signal when there is.
    Full,
}

/// Puts packets into a ring.
pub struct RingWriter<M> {
    memory: M,
    write: u32,
    /// The guest has been asked to signal when there is room.
    waiting: bool,
    /// The frame under construction, or the last one; kept for its capacity.
    frame: Vec<u8>,
    /// What is wrong with the next packet, or with the last one.
    fault: Option<PacketFault>,
    /// Where the last packet starts.
    last: u32,
}

impl<M: RingMemory> RingWriter<M> {
    /// Starts where the control page says.
    ///
    /// # Errors
    ///
    /// The control page holds an impossible index.
    pub fn new(memory: M) -> Result<Self, RingError> {
        let write = memory.load(Field::WriteIndex, Ordering::Acquire)?;
        let write = checked_index("write", write, memory.size())?;
        let features = memory.load(Field::FeatureBits, Ordering::Relaxed)?;
        memory.store(
            Field::FeatureBits,
            features | RingControlPage::FEATURE_PENDING_SEND_SIZE,
            Ordering::Relaxed,
        )?;
        Ok(Self {
            memory,
            write,
            waiting: false,
            frame: Vec::new(),
            fault: None,
            last: 0,
        })
    }

    /// Writes one packet, if there is room.
    ///
    /// # Errors
    ///
    /// The ring is unusable, or the packet can never fit.
    pub fn write(&mut self, packet: &Outgoing<'_>) -> Result<Written, RingError> {
        let size = self.memory.size();
        let too_large = || RingError::TooLarge {
            len: packet.payload.len(),
            size,
        };
        let framed = packet.framed_len();
        let len8 = u16::try_from(framed / 8).map_err(|_| too_large())?;
        let total = u32::from(len8) * 8 + size_of::<PacketTrailer>() as u32;
        // A ring is never filled completely: that would look like an empty one.
        if total >= size {
            return Err(too_large());
        }
        if !self.make_room(total)? {
            return Ok(Written::Full);
        }
        let at = self.write;
        self.build(packet, framed, len8);
        self.memory.write_wrapped(at, &self.frame)?;
        self.last = at;
        self.write = advance(at, total, size);
        let index = match self.fault {
            Some(PacketFault::Index(index)) => index,
            _ => self.write,
        };
        self.memory
            .store(Field::WriteIndex, index, Ordering::Release)?;
        // The guest stores its mask, or its read index, and then looks at the write index.
        self.memory.fence();
        let masked = self.memory.load(Field::InterruptMask, Ordering::Relaxed)? != 0;
        let read = self.memory.load(Field::ReadIndex, Ordering::Relaxed)?;
        Ok(Written::Done {
            signal: !masked && read == at,
        })
    }

    /// Whether the next packet has a fault.
    pub(crate) fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    /// Says what is wrong with the next packet.
    pub(crate) fn set_fault(&mut self, fault: Option<PacketFault>) {
        self.fault = fault;
    }

    /// Ends the fault of the packet that was written, and returns it.
    ///
    /// # Errors
    ///
    /// The memory is not there.
    pub(crate) fn finish_fault(&mut self) -> Result<Option<PacketFault>, RingError> {
        let fault = self.fault.take();
        if let Some(PacketFault::Unstable(times)) = fault {
            // Nobody else writes meanwhile, and the guest may be reading just this.
            let other: Vec<u8> = self.frame.iter().map(|byte| !byte).collect();
            for _ in 0..times {
                self.memory.write_wrapped(self.last, &other)?;
                self.memory.write_wrapped(self.last, &self.frame)?;
            }
        }
        Ok(fault)
    }

    /// Whether the guest should have been told of what is in the ring: there is something, and the
    /// guest does not look by itself.
    ///
    /// # Errors
    ///
    /// The memory is not there.
    pub fn is_waiting(&self) -> Result<bool, RingError> {
        let masked = self.memory.load(Field::InterruptMask, Ordering::Relaxed)? != 0;
        let read = self.memory.load(Field::ReadIndex, Ordering::Acquire)?;
        Ok(!masked && read != self.write)
    }

    /// Whether more than `total` bytes are free; if not, the guest is asked to signal when they are.
    fn make_room(&mut self, total: u32) -> Result<bool, RingError> {
        if self.free()? <= total {
            self.waiting = true;
            self.memory
                .store(Field::PendingSendSize, total, Ordering::Relaxed)?;
            // The guest stores its read index and then looks at the pending send size.
            self.memory.fence();
            if self.free()? <= total {
                return Ok(false);
            }
        }
        if self.waiting {
            self.waiting = false;
            self.memory
                .store(Field::PendingSendSize, 0, Ordering::Relaxed)?;
        }
        Ok(true)
    }

    fn free(&self) -> Result<u32, RingError> {
        let size = self.memory.size();
        let read = self.memory.load(Field::ReadIndex, Ordering::Acquire)?;
        let read = checked_index("read", read, size)?;
        Ok(size - used(self.write, read, size))
    }

    /// Lays the frame out: descriptor, payload, zero padding, trailer.
    fn build(&mut self, packet: &Outgoing<'_>, framed: usize, len8: u16) {
        const OFFSET8: u16 = (size_of::<PacketDescriptor>() / 8) as u16;
        let (mut kind, mut offset8, mut len8) = (packet.kind as u16, OFFSET8, len8);
        match self.fault {
            Some(PacketFault::Length {
                offset8: begin,
                len8: end,
            }) => (offset8, len8) = (begin, end),
            Some(PacketFault::Type(other)) => kind = other,
            Some(PacketFault::Index(_) | PacketFault::Unstable(_)) | None => {}
        }
        let descriptor = PacketDescriptor {
            kind: kind.into(),
            offset8: offset8.into(),
            len8: len8.into(),
            flags: 0.into(),
            transaction_id: packet.transaction_id.into(),
        };
        let trailer = PacketTrailer {
            reserved: 0.into(),
            start_write_index: self.write.into(),
        };
        self.frame.clear();
        self.frame.extend_from_slice(descriptor.as_bytes());
        self.frame.extend_from_slice(packet.payload);
        self.frame.resize(framed, 0);
        self.frame.extend_from_slice(trailer.as_bytes());
    }
}
