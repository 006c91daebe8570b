// SPDX-License-Identifier: GPL-2.0

//! Commands for GPU virtual addresses.

use super::{
    list::fill_with_list,
    status_only,
    Command,
    FixedCommand,
    Opcode, //
};
use crate::{
    transport::ReplyBuffer,
    uapi::address as abi,
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
pub(crate) struct MapAddressBody {
    request: abi::MapAddress,
    device: Handle,
    padding: u32,
}

static_assert!(size_of::<MapAddressBody>() == 136 - 24);

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct MapAddressAnswer {
    virtual_address: u64,
    paging_fence_value: u64,
    status: NtStatus,
    padding: u32,
}

static_assert!(size_of::<MapAddressAnswer>() == 24);

/// Command MAPGPUVIRTUALADDRESS: maps a part of an allocation.
pub(crate) struct MapAddress {
    /// The user's argument.
    pub(crate) request: abi::MapAddress,
}

/// Reply to [`MapAddress`].
pub(crate) struct Mapped {
    /// Success code of the host.
    pub(crate) code: isize,
    /// GPU virtual address of the mapping.
    pub(crate) virtual_address: u64,
    /// Value that the fence of the paging queue reaches when the range is mapped.
    pub(crate) paging_fence_value: u64,
}

impl FixedCommand for MapAddress {
    const OPCODE: Opcode = Opcode::Vgpu(17);

    type Body = MapAddressBody;
    type ReplyBody = MapAddressAnswer;
    type Reply = Mapped;

    fn body(&self) -> MapAddressBody {
        MapAddressBody {
            request: self.request,
            device: Handle::NONE,
            padding: 0,
        }
    }

    fn reply(&self, answer: MapAddressAnswer) -> Result<Mapped> {
        Ok(Mapped {
            code: answer.status.into_result()?,
            virtual_address: answer.virtual_address,
            paging_fence_value: answer.paging_fence_value,
        })
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ReserveAddressAnswer {
    virtual_address: u64,
    paging_fence_value: u64,
}

static_assert!(size_of::<abi::ReserveAddress>() == 96 - 24);
static_assert!(size_of::<ReserveAddressAnswer>() == 16);

/// Command RESERVEGPUVIRTUALADDRESS: reserves a range.
pub(crate) struct ReserveAddress {
    /// The user's argument, with the host's handle of the adapter.
    pub(crate) request: abi::ReserveAddress,
}

impl FixedCommand for ReserveAddress {
    const OPCODE: Opcode = Opcode::Vgpu(18);

    type Body = abi::ReserveAddress;
    type ReplyBody = ReserveAddressAnswer;
    /// GPU virtual address of the reserved range.
    type Reply = u64;

    fn body(&self) -> abi::ReserveAddress {
        self.request
    }

    fn reply(&self, answer: ReserveAddressAnswer) -> Result<u64> {
        // The reply has no status: address 0 means failure.
        if answer.virtual_address == 0 {
            return Err(EINVAL);
        }
        Ok(answer.virtual_address)
    }
}

static_assert!(size_of::<abi::FreeAddress>() == 48 - 24);

/// Command FREEGPUVIRTUALADDRESS: frees a range.
pub(crate) struct FreeAddress {
    /// The user's argument, with the host's handle of the adapter.
    pub(crate) request: abi::FreeAddress,
}

impl FixedCommand for FreeAddress {
    const OPCODE: Opcode = Opcode::Vgpu(16);

    type Body = abi::FreeAddress;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> abi::FreeAddress {
        self.request
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct UpdateAddressHead {
    fence_value: u64,
    device: Handle,
    context: Handle,
    fence_object: Handle,
    num_operations: u32,
    flags: u32,
    padding: u32,
}

static_assert!(size_of::<UpdateAddressHead>() == 56 - 24);

/// Command UPDATEGPUVIRTUALADDRESS: changes mappings in the order of a context's commands.
pub(crate) struct UpdateAddress<F> {
    /// Value of the fence to wait for.
    pub(crate) fence_value: u64,
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Context the changes are ordered with.
    pub(crate) context: Handle,
    /// Fence that is signalled when the changes are done.
    pub(crate) fence_object: Handle,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// Number of operations, at most 2048.
    pub(crate) num_operations: u32,
    /// Writes the operations.
    pub(crate) operations: F,
}

impl<F> UpdateAddress<F> {
    fn list_len(&self) -> usize {
        // CAST: `usize` has at least 32 bits.
        self.num_operations as usize * abi::UpdateAddress::OPERATION
    }
}

impl<F: FnMut(&mut [u8]) -> Result> Command for UpdateAddress<F> {
    const OPCODE: Opcode = Opcode::Vgpu(19);

    type Reply = isize;

    fn body_len(&self) -> usize {
        size_of::<UpdateAddressHead>() + self.list_len()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = UpdateAddressHead {
            fence_value: self.fence_value,
            device: self.device,
            context: self.context,
            fence_object: self.fence_object,
            num_operations: self.num_operations,
            flags: self.flags,
            padding: 0,
        };

        fill_with_list(body, &head, self.list_len(), &mut self.operations)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_address)]
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
    use zerocopy::FromZeros;

    #[test]
    fn map_layout() -> Result {
        let mut request = abi::MapAddress::new_zeroed();

        request.paging_queue = Handle::from_raw(1);
        request.base_address = 2;
        request.allocation = Handle::from_raw(3);
        request.size_in_pages = 4;
        request.protection = 5;

        let message = encode(
            envelope(27),
            HostProcess::GUEST,
            &mut MapAddress { request },
        )?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 136);
        for (offset, value) in [
            (16, 17u32),
            (24, 1),
            (32, 2),
            (56, 3),
            (72, 4),
            (80, 5),
            (128, 0),
        ] {
            assert_eq!(take_at::<u32>(bytes, offset)?, value);
        }
        Ok(())
    }

    #[test]
    fn map_answers() -> Result {
        let command = MapAddress {
            request: abi::MapAddress::new_zeroed(),
        };
        let answer = |status: u32| MapAddressAnswer {
            virtual_address: 0x1_0000,
            paging_fence_value: 7,
            status: NtStatus::from_raw(status),
            padding: 0,
        };
        let mapped = command.reply(answer(0x103))?;

        assert_eq!(mapped.code, 0x103);
        assert_eq!(mapped.virtual_address, 0x1_0000);
        assert_eq!(mapped.paging_fence_value, 7);
        assert!(command.reply(answer(0xC000_000D)).is_err());
        Ok(())
    }

    #[test]
    fn reserve_and_free() -> Result {
        let mut request = abi::ReserveAddress::new_zeroed();

        request.adapter = Handle::from_raw(1);
        request.size = 2;
        request.reservation_type = 3;

        let mut reserve = ReserveAddress { request };
        let message = encode(envelope(40), HostProcess::GUEST, &mut reserve)?;

        assert_eq!(message.bytes().len(), 16 + 96);
        for (offset, value) in [(24, 1u32), (56, 2), (64, 3)] {
            assert_eq!(take_at::<u32>(message.bytes(), 16 + offset)?, value);
        }

        let answer = |virtual_address: u64| ReserveAddressAnswer {
            virtual_address,
            paging_fence_value: 1,
        };

        assert_eq!(reserve.reply(answer(0x1_0000)), Ok(0x1_0000));
        assert_eq!(reserve.reply(answer(0)), Err(EINVAL));

        let mut request = abi::FreeAddress::new_zeroed();

        request.base_address = 0x1_0000;
        request.size = 2;

        let mut free = FreeAddress { request };
        let message = encode(envelope(40), HostProcess::GUEST, &mut free)?;

        assert_eq!(message.bytes().len(), 16 + 48);
        assert_eq!(take_at::<u64>(message.bytes(), 16 + 32)?, 0x1_0000);
        assert_eq!(take_at::<u64>(message.bytes(), 16 + 40)?, 2);
        Ok(())
    }

    #[test]
    fn update_sizes() -> Result {
        for (version, count, length) in [
            (40, 1, Some(16 + 120)),
            (40, 2046, Some(16 + 56 + 2046 * 64)),
            (40, 2047, None),
            (27, 2047, Some(56 + 2047 * 64)),
            (27, 2048, None),
        ] {
            let mut command = UpdateAddress {
                fence_value: 1,
                device: Handle::from_raw(2),
                context: Handle::from_raw(3),
                fence_object: Handle::from_raw(4),
                flags: 5,
                num_operations: count,
                operations: |bytes: &mut [u8]| {
                    bytes.fill(6);
                    Ok(())
                },
            };
            let message = encode(envelope(version), HostProcess::GUEST, &mut command).ok();
            let bytes = message.as_ref().map(|message| message.bytes());

            assert_eq!(bytes.map(|bytes| bytes.len()), length);
            let Some(bytes) = bytes else { continue };
            let start = bytes.len() - 56 - count as usize * 64;

            for (offset, value) in [(24, 1), (32, 2), (36, 3), (40, 4), (44, count), (48, 5)] {
                assert_eq!(take_at::<u32>(bytes, start + offset)?, value);
            }
            assert_eq!(bytes[start + 55], 0);
            assert_eq!(bytes[start + 56], 6);
            assert_eq!(bytes.last(), Some(&6));
        }
        Ok(())
    }
}
