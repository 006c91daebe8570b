// SPDX-License-Identifier: GPL-2.0

//! Taking packets out of the ring that the host fills.
//!
//! The core's own iterator takes a packet of an impossible length for one that reaches as far as the
//! host has written, and moves on by more than that: its index overtakes the host's, and what was in
//! the ring before is taken for packets again and again. Here a length is checked before the index
//! moves, and there is an end to what one callback reads.

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

/// Bytes of a packet descriptor.
pub(super) const DESCRIPTOR_SIZE: usize = size_of::<bindings::vmpacket_descriptor>();

/// Bytes of the trailer that follows each packet.
pub(super) const TRAILER_SIZE: usize = 8;

/// The ring cannot be read any further: what the host has written makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Impossible;

/// Where the payload of a packet is, counted in bytes from its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    /// Start of the payload.
    start: usize,
    /// End of the payload and of the packet.
    end: usize,
}

impl Extent {
    /// Checks what a descriptor says. `available` bytes of the ring were written, and a packet has
    /// at most `largest`.
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

/// The ring that the host fills, while the callback of its channel reads it.
///
/// # Invariants
///
/// `info` is the inbound ring of an open channel, and nobody else reads it.
pub(super) struct Incoming {
    channel: *mut bindings::vmbus_channel,
    info: *mut bindings::hv_ring_buffer_info,
}

impl Incoming {
    /// The inbound ring of `channel`.
    ///
    /// # Safety
    ///
    /// The channel must be open as long as the result exists, and its callback the only user of it.
    pub(super) unsafe fn new(channel: *mut bindings::vmbus_channel) -> Self {
        // INVARIANT: By the contract of this function.
        Self {
            channel,
            // SAFETY: The channel is valid by the contract of this function.
            info: unsafe { &raw mut (*channel).inbound },
        }
    }

    /// Returns the index up to which the host has written, as it says.
    fn write_index(&self) -> u32 {
        // SAFETY: By the type invariant the ring and its control page are there. The index is
        // aligned, and the host changes it at any time, hence the atomic access: what was written
        // before it is read after it.
        unsafe {
            let index = &raw mut (*(*self.info).ring_buffer).write_index;

            Atomic::from_ptr(index).load(Acquire)
        }
    }

    /// Calls `each` for the packets in the ring, but reads no more bytes than the ring has: whoever
    /// keeps filling it must not keep this processor.
    ///
    /// # Errors
    ///
    /// [`Impossible`] if the ring cannot be read any further. Nothing was read of what makes no sense.
    pub(super) fn read(
        &mut self,
        mut each: impl FnMut(&Packet<'_>),
    ) -> core::result::Result<(), Impossible> {
        // SAFETY: By the type invariant the structure is valid, and only we change it.
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

    /// Calls `each` for the next packet, if there is one. Returns how many bytes it took in the ring.
    fn read_one(
        &mut self,
        size: usize,
        largest: usize,
        each: &mut impl FnMut(&Packet<'_>),
    ) -> core::result::Result<usize, Impossible> {
        // SAFETY: By the type invariant the structure is valid, and only we change it.
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
        // - `extent` was checked: the packet lies in what was written, and fits the buffer, which
        //   has `largest` bytes and is ours as long as we read.
        // - What the host does to the packet meanwhile only decides what the copy has in it.
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

        // SAFETY: By the type invariant the structure is valid, and only we change it.
        // CAST: It is less than `size`, which has 32 bits.
        unsafe { (*self.info).priv_read_index = ((read + bytes) % size) as u32 };
        Ok(bytes)
    }

    /// Leaves out all that there is, so that the core does not call again because of it.
    pub(super) fn discard(&mut self) {
        let write = self.write_index();

        // SAFETY: By the type invariant the control page is there. The host only reads this index.
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
            // The payload starts in the descriptor, or behind the packet
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
