// SPDX-License-Identifier: GPL-2.0

//! Commands that hand memory of a program over to the host, to back an allocation.

use super::{
    put,
    status_only,
    Command,
    FixedCommand,
    Opcode, //
};
use crate::{
    transport::ReplyBuffer,
    wire::{
        Handle,
        InterfaceVersion,
        NtStatus, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SetStoreBody {
    device: Handle,
    allocation: Handle,
    gpadl: u32,
    padding: u32,
}

static_assert!(size_of::<SetStoreBody>() == 40 - 24);

/// Command SETEXISTINGSYSMEMSTORE: hands memory over as a GPADL of the global channel.
pub(crate) struct SetExistingStore {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Handle of the allocation.
    pub(crate) allocation: Handle,
    /// Handle of the GPADL.
    pub(crate) gpadl: u32,
}

impl FixedCommand for SetExistingStore {
    const OPCODE: Opcode = Opcode::Vgpu(45);

    type Body = SetStoreBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> SetStoreBody {
        SetStoreBody {
            device: self.device,
            allocation: self.allocation,
            gpadl: self.gpadl,
            padding: 0,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct SetPagesHead {
    device: Handle,
    allocation: Handle,
    num_pages: u32,
    alloc_offset_in_pages: u32,
}

static_assert!(size_of::<SetPagesHead>() == 40 - 24);

/// Command SETEXISTINGSYSMEMPAGES: hands memory over as a list of page frame numbers.
pub(crate) struct SetExistingPages<I> {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Handle of the allocation.
    pub(crate) allocation: Handle,
    /// Index of the first page in the allocation.
    pub(crate) offset: u32,
    /// Number of pages.
    pub(crate) count: u32,
    /// Page frame numbers.
    pub(crate) frames: I,
}

impl<I> SetExistingPages<I> {
    /// Largest number of pages of one message. All messages have this size.
    pub(crate) const MAX: u32 = 15_867;
}

impl<I: Iterator<Item = u64>> Command for SetExistingPages<I> {
    const OPCODE: Opcode = Opcode::Vgpu(66);

    type Reply = isize;

    fn body_len(&self) -> usize {
        // CAST: `usize` has at least 32 bits.
        size_of::<SetPagesHead>() + Self::MAX as usize * size_of::<u64>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = SetPagesHead {
            device: self.device,
            allocation: self.allocation,
            num_pages: self.count,
            alloc_offset_in_pages: self.offset,
        };
        let (start, list) = body
            .split_at_mut_checked(size_of::<SetPagesHead>())
            .ok_or(EINVAL)?;
        let mut places = list.chunks_exact_mut(size_of::<u64>());

        put(start, &head)?;
        for _ in 0..self.count {
            let frame = self.frames.next().ok_or(EINVAL)?;

            put(places.next().ok_or(EINVAL)?, &frame)?;
        }
        Ok(())
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_existing_memory)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            take_at, //
        },
        transport::mock::envelope,
        wire::HostProcess, //
    };

    #[test]
    fn store_layout() -> Result {
        let mut command = SetExistingStore {
            device: Handle::from_raw(1),
            allocation: Handle::from_raw(2),
            gpadl: 3,
        };
        let message = encode(envelope(27), HostProcess::GUEST, &mut command)?;

        assert_eq!(message.bytes().len(), 40);
        for (offset, value) in [(16, 45), (24, 1), (28, 2), (32, 3), (36, 0)] {
            assert_eq!(take_at::<u32>(message.bytes(), offset)?, value);
        }
        Ok(())
    }

    #[test]
    fn pages_layout() -> Result {
        for count in [1u32, 2, 15_867] {
            let mut command = SetExistingPages {
                device: Handle::from_raw(1),
                allocation: Handle::from_raw(2),
                offset: 15_867,
                count,
                frames: (0..u64::from(count)).map(|index| 0x1_0000_0000 + index),
            };
            let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
            let bytes = message.bytes();
            let end = 16 + 40 + 8 * count as usize;

            assert_eq!(bytes.len(), 126_992);
            for (offset, value) in [(16, 66), (24, 1), (28, 2), (32, count), (36, 15_867)] {
                assert_eq!(take_at::<u32>(bytes, 16 + offset)?, value);
            }
            assert_eq!(take_at::<u64>(bytes, 16 + 40)?, 0x1_0000_0000);
            assert_eq!(
                take_at::<u64>(bytes, end - 8)?,
                0x1_0000_0000 + u64::from(count) - 1
            );
            // Unused entries are zero.
            assert!(bytes[end..].iter().all(|byte| *byte == 0));
        }
        Ok(())
    }

    #[test]
    fn too_few_pages() {
        let mut command = SetExistingPages {
            device: Handle::from_raw(1),
            allocation: Handle::from_raw(2),
            offset: 0,
            count: 2,
            frames: [1u64].into_iter(),
        };

        assert!(encode(envelope(40), HostProcess::GUEST, &mut command).is_err());
    }
}
