// SPDX-License-Identifier: GPL-2.0

//! The command that returns the vendor's data about a standard allocation.

use super::{
    put,
    take,
    Command,
    Opcode, //
};
use crate::{
    transport::{
        ReplyBuffer,
        MAX_MESSAGE, //
    },
    wire::{
        InterfaceVersion,
        NtStatus, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Largest size of the data about an allocation or a resource, in bytes. The reference driver
/// accepts any 32-bit size, but the reply, with the sum of both, must fit into one packet.
const DATA_LIMIT: u32 = MAX_MESSAGE as u32;

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct GetDataBody {
    alloc_type: u32,
    priv_driver_data_size: u32,
    priv_driver_resource_size: u32,
    physical_adapter_index: u32,
    width: u32,
    height: u32,
    format: u32,
    surface_type: u32,
    flags: u32,
    pitch: u32,
}

static_assert!(size_of::<GetDataBody>() == 64 - 24);

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct GetDataReplyHead {
    status: NtStatus,
    priv_driver_data_size: u32,
    priv_driver_resource_size: u32,
    surface: [u32; 6],
}

static_assert!(size_of::<GetDataReplyHead>() == 36);

/// Sizes of the vendor's data in bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StandardSizes {
    /// Data about the allocation.
    pub(crate) allocation: u32,
    /// Data about its resource.
    pub(crate) resource: u32,
}

impl StandardSizes {
    fn total(&self) -> usize {
        // CAST: `usize` has 64 bits, so the sum does not overflow.
        self.allocation as usize + self.resource as usize
    }
}

/// Command DDIGETSTANDARDALLOCATIONDRIVERDATA: returns the vendor's data about memory that several
/// adapters can use.
pub(crate) struct GetStandardData {
    /// Size of the memory in bytes.
    pub(crate) bytes: u64,
    /// Sizes of the data that is wanted; zero to ask for the sizes.
    pub(crate) sizes: StandardSizes,
}

/// Reply to [`GetStandardData`].
pub(crate) struct StandardData {
    reply: ReplyBuffer,
    /// Sizes of the data that exists, whether it was wanted or not.
    pub(crate) sizes: StandardSizes,
}

impl StandardData {
    /// Returns the data about the allocation and about the resource. Both are empty if only the
    /// sizes were asked for.
    pub(crate) fn parts(&self) -> (&[u8], &[u8]) {
        // CAST: `usize` has at least 32 bits.
        self.reply
            .bytes()
            .get(size_of::<GetDataReplyHead>()..)
            .and_then(|data| data.split_at_checked(self.sizes.allocation as usize))
            .unwrap_or_default()
    }
}

impl GetStandardData {
    const GDI_SURFACE: u32 = 4;
    const CROSS_ADAPTER_TEXTURE: u32 = 7;
    /// Largest multiple of the page size that fits the width.
    const WIDEST: u32 = u32::MAX & !0xFFF;
}

impl Command for GetStandardData {
    const OPCODE: Opcode = Opcode::Vgpu(39);

    type Reply = StandardData;

    fn body_len(&self) -> usize {
        size_of::<GetDataBody>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        put(
            body,
            &GetDataBody {
                alloc_type: Self::GDI_SURFACE,
                priv_driver_data_size: self.sizes.allocation,
                priv_driver_resource_size: self.sizes.resource,
                physical_adapter_index: 0,
                // The field has 32 bits only; the exact size is part of CREATEALLOCATION.
                width: u32::try_from(self.bytes).unwrap_or(Self::WIDEST),
                height: 1,
                format: 0,
                surface_type: Self::CROSS_ADAPTER_TEXTURE,
                flags: 0,
                pitch: 0,
            },
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<GetDataReplyHead>() + self.sizes.total()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<StandardData> {
        let head: GetDataReplyHead = take(reply.bytes())?;
        let sizes = StandardSizes {
            allocation: head.priv_driver_data_size,
            resource: head.priv_driver_resource_size,
        };
        let is_question = self.sizes == StandardSizes::default();

        head.status.into_result()?;
        if sizes.allocation == 0
            || sizes.allocation.max(sizes.resource) > DATA_LIMIT
            || (!is_question && sizes != self.sizes)
        {
            return Err(EINVAL);
        }
        Ok(StandardData { reply, sizes })
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_standard_allocation)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            take_at, //
        },
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
        wire::HostProcess, //
    };

    #[test]
    fn layout() -> Result {
        for (bytes, width) in [(0x1000, 0x1000), (1 << 32, 0xFFFF_F000u32)] {
            let mut command = GetStandardData {
                bytes,
                sizes: StandardSizes {
                    allocation: 2,
                    resource: 3,
                },
            };
            let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;

            assert_eq!(message.bytes().len(), 16 + 64);
            for (offset, value) in [
                (16, 39),
                (24, 4),
                (28, 2),
                (32, 3),
                (36, 0),
                (40, width),
                (44, 1),
                (48, 0),
                (52, 7),
                (56, 0),
                (60, 0),
            ] {
                assert_eq!(take_at::<u32>(message.bytes(), 16 + offset)?, value);
            }
        }
        Ok(())
    }

    #[test]
    fn answers() -> Result {
        let rig = Rig::new()?;
        let link = rig.link(envelope(40))?;
        let ask = |wanted: (u32, u32), status: u32, said: (u32, u32), length: usize| {
            let mut reply = KVVec::from_elem(9, length, GFP_KERNEL)?;

            for (place, word) in reply.chunks_exact_mut(4).zip([status, said.0, said.1]) {
                place.copy_from_slice(&word.to_le_bytes());
            }
            rig.host.then(Answer::Reply(reply))?;
            link.call(
                HostProcess::GUEST,
                GetStandardData {
                    bytes: 0x1000,
                    sizes: StandardSizes {
                        allocation: wanted.0,
                        resource: wanted.1,
                    },
                },
                LONG,
            )
        };

        assert_eq!(ask((0, 0), 0, (2, 1), 40)?.sizes.resource, 1);
        assert_eq!(ask((2, 1), 0, (2, 1), 40)?.parts(), (&[9, 9][..], &[9][..]));
        // The largest sizes that fit a reply.
        assert_eq!(
            ask((0, 0), 0, (65_537, 65_000), 40)?.sizes.allocation,
            65_537
        );
        assert_eq!(
            ask((65_537, 65_000), 0, (65_537, 65_000), 130_573)?
                .parts()
                .1
                .len(),
            65_000
        );
        for (wanted, status, said, length) in [
            // No data, too much data, other sizes than before, a failure, a short reply.
            ((0, 0), 0, (0, 1), 40),
            ((0, 0), 0, (131_073, 0), 40),
            ((0, 0), 0, (1, 131_073), 40),
            ((0, 0), 0, (u32::MAX, u32::MAX), 40),
            ((2, 1), 0, (1, 2), 40),
            ((2, 0), 0, (2, 1), 40),
            ((0, 0), 0xC000_0017, (2, 1), 40),
            ((2, 3), 0, (2, 3), 40),
        ] {
            assert!(ask(wanted, status, said, length).is_err());
        }
        Ok(())
    }
}
