// SPDX-License-Identifier: GPL-2.0

//! Reads packets from the ring that the host fills.
//!
//! The core's own iterator clamps a packet of an invalid length to the end of what the host has
//! written, but advances by more than that: its index overtakes the host's, and stale data in the
//! ring is taken for packets again and again. Here a length is checked before the index advances,
//! and the number of bytes that one callback reads is bounded.

use super::Packet;
use crate::linux::bindings;
use core::ptr;
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic, //
    }, //
};

/// The size of a packet descriptor in bytes.
pub(super) const DESCRIPTOR_SIZE: usize = size_of::<bindings::vmpacket_descriptor>();

/// The size of the trailer that follows each packet, in bytes.
pub(super) const TRAILER_SIZE: usize = 8;

/// The error of a ring that cannot be read further because its contents are invalid.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Impossible;

/// The position of the payload of a packet, in bytes from its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    /// The start of the payload.
    start: usize,
    /// The end of the payload and of the packet.
    end: usize,
}

impl Extent {
    /// Checks the lengths in a descriptor. `available` bytes of the ring were written, and a packet
    /// has at most `largest` bytes.
    fn new(
        offset8: u16,
        len8: u16,
        available: usize,
        largest: usize,
    ) -> core::result::Result<Self, Impossible> {
        let extent = Self {
            start: usize::from(offset8) * 8,
            end: usize::from(len8) * 8,
        };

        if extent.start < DESCRIPTOR_SIZE
            || extent.start > extent.end
            || extent.end > largest
            || extent.end + TRAILER_SIZE > available
        {
            return Err(Impossible);
        }
        Ok(extent)
    }
}

/// Returns how many bytes the host has written beyond `read`, in a ring of `size` bytes.
fn written(read: usize, write: usize, size: usize) -> core::result::Result<usize, Impossible> {
    if write >= size || read >= size {
        return Err(Impossible);
    }
    Ok((write + size - read) % size)
}

/// The ring that the host fills, as read by the callback of its channel.
///
/// # Invariants
///
/// `info` is the inbound ring of an open channel, and nothing else reads it.
pub(super) struct Incoming {
    channel: *mut bindings::vmbus_channel,
    info: *mut bindings::hv_ring_buffer_info,
}

impl Incoming {
    /// Creates a reader of the inbound ring of `channel`.
    ///
    /// # Safety
    ///
    /// The channel must be open as long as the result exists, and only its callback may read the
    /// ring.
    pub(super) unsafe fn new(channel: *mut bindings::vmbus_channel) -> Self {
        // INVARIANT: By the contract of this function.
        Self {
            channel,
            // SAFETY: The channel is valid by the contract of this function.
            info: unsafe { &raw mut (*channel).inbound },
        }
    }

    /// Returns the index up to which the host claims to have written.
    fn write_index(&self) -> u32 {
        // SAFETY: By the type invariant the ring and its control page are valid. The index is
        // aligned, and the host changes it at any time, hence the atomic access: data written
        // before it are read after it.
        unsafe {
            let index = &raw mut (*(*self.info).ring_buffer).write_index;

            Atomic::from_ptr(index).load(Acquire)
        }
    }

    /// Calls `each` for the packets in the ring, but reads no more bytes than the ring has, so that
    /// a host that keeps filling it cannot keep this processor busy.
    ///
    /// # Errors
    ///
    /// [`Impossible`] if the ring cannot be read further. `each` is not called for invalid packets.
    pub(super) fn read(
        &mut self,
        mut each: impl FnMut(&Packet<'_>),
    ) -> core::result::Result<(), Impossible> {
        // SAFETY: By the type invariant the structure is valid, and only this reader changes it.
        let (size, largest) = unsafe { ((*self.info).ring_datasize, (*self.info).pkt_buffer_size) };
        // CAST: 32 bits fit.
        let (size, largest) = (size as usize, largest as usize);
        let mut done = 0;

        while done < size {
            let bytes = self.read_one(size, largest, &mut each)?;

            if bytes == 0 {
                break;
            }
            done += bytes;
        }
        if done != 0 {
            // SAFETY: By the type invariant the channel is open, and this is its only reader.
            unsafe { bindings::hv_pkt_iter_close(self.channel) };
        }
        Ok(())
    }

    /// Calls `each` for the next packet, if there is one. Returns the number of bytes it had in the
    /// ring.
    fn read_one(
        &mut self,
        size: usize,
        largest: usize,
        each: &mut impl FnMut(&Packet<'_>),
    ) -> core::result::Result<usize, Impossible> {
        // SAFETY: By the type invariant the structure is valid, and only this reader changes it.
        let read = unsafe { (*self.info).priv_read_index } as usize;
        let available = written(read, self.write_index() as usize, size)?;

        if available == 0 {
            return Ok(0);
        }
        if available < DESCRIPTOR_SIZE {
            return Err(Impossible);
        }

        // SAFETY:
        // - The data of the ring follow its control page. They are mapped twice in a row, so that
        //   every packet that starts in them can be read in one piece.
        // - The host may change them at any time, hence the volatile reads. Each is read once.
        let (start, offset8, len8) = unsafe {
            let start = (&raw const (*(*self.info).ring_buffer).buffer)
                .cast::<u8>()
                .add(read);
            let head = start.cast::<bindings::vmpacket_descriptor>();

            (
                start,
                (&raw const (*head).offset8).read_volatile(),
                (&raw const (*head).len8).read_volatile(),
            )
        };
        let extent = Extent::new(offset8, len8, available, largest)?;

        // SAFETY:
        // - `extent` was checked: the packet lies in the written part, and fits the buffer, which
        //   has `largest` bytes and is used by this reader only.
        // - If the host changes the packet meanwhile, this only affects the contents of the copy.
        let (kind, transaction, payload) = unsafe {
            let copy = (*self.info).pkt_buffer.cast::<u8>();

            ptr::copy_nonoverlapping(start, copy, extent.end);

            let head = copy.cast::<bindings::vmpacket_descriptor>();

            (
                (&raw const (*head).type_).read_unaligned(),
                (&raw const (*head).trans_id).read_unaligned(),
                core::slice::from_raw_parts(copy.add(extent.start), extent.end - extent.start),
            )
        };

        each(&Packet {
            kind,
            transaction,
            payload,
        });

        let bytes = extent.end + TRAILER_SIZE;

        // SAFETY: By the type invariant the structure is valid, and only this reader changes it.
        // CAST: It is less than `size`, which has 32 bits.
        unsafe { (*self.info).priv_read_index = ((read + bytes) % size) as u32 };
        Ok(bytes)
    }

    /// Skips everything in the ring, so that the core does not call again because of it.
    pub(super) fn discard(&mut self) {
        let write = self.write_index();

        // SAFETY: By the type invariant the control page is valid. The host only reads this index.
        unsafe { (&raw mut (*(*self.info).ring_buffer).read_index).write_volatile(write) };
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_packets)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        // A descriptor and nothing else
        assert_eq!(
            Extent::new(2, 2, 24, 1024),
            Ok(Extent { start: 16, end: 16 })
        );
        assert_eq!(
            Extent::new(2, 4, 40, 1024),
            Ok(Extent { start: 16, end: 32 })
        );
        // The largest packet
        assert_eq!(
            Extent::new(3, 128, 4096, 1024),
            Ok(Extent {
                start: 24,
                end: 1024
            })
        );
        for (offset8, len8, available) in [
            // No length, or less than a descriptor
            (2, 0, 4096),
            (0, 0, 4096),
            (2, 1, 4096),
            // The payload starts in the descriptor, or after the packet
            (0, 4, 4096),
            (1, 4, 4096),
            (5, 4, 4096),
            (u16::MAX, 4, 4096),
            // More than was written, with the trailer
            (2, 4, 39),
            (2, 4, 32),
            (2, 128, 1024),
            // More than the buffer has
            (2, 129, 4096),
            (2, u16::MAX, usize::MAX),
        ] {
            assert_eq!(Extent::new(offset8, len8, available, 1024), Err(Impossible));
        }
    }

    #[test]
    fn indices() {
        for (read, write, bytes) in [
            (0usize, 0usize, 0usize),
            (0, 4088, 4088),
            (4088, 0, 8),
            (4088, 4080, 4088),
            (8, 8, 0),
        ] {
            assert_eq!(written(read, write, 4096), Ok(bytes));
        }
        for write in [4096, 4097, 0xFFFF_FFFF] {
            assert_eq!(written(0, write, 4096), Err(Impossible));
        }
    }
}
