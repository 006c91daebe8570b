// SPDX-License-Identifier: GPL-2.0

//! GPU virtual addresses.

use super::{
    entry,
    user_args::{
        read_bytes,
        write_field,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::address as command,
    objects::paging_queue::PagingQueue,
    uapi::address as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<ReserveAddress>(),
    entry::<MapAddress>(),
    entry::<FreeAddress>(),
    entry::<UpdateAddress>(),
];

/// Returns whether the host has executed or queued an operation, so that its outputs are valid.
pub(super) fn is_accepted(code: isize) -> bool {
    const PENDING: isize = 0x103;

    code == 0 || code == PENDING
}

/// 0x08: reserves a range of GPU virtual addresses.
struct ReserveAddress;

impl Ioctl for ReserveAddress {
    const REQUEST: u32 = 0xC048_4708;

    type Argument = abi::ReserveAddress;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let sender = process.on_host()?;
        let mut request = *argument;
        // No handle can mean both: adapter handles are numbers of the guest, see `handle_table`.
        let address = match process.adapter(argument.adapter) {
            Ok(adapter) => {
                let active = adapter.active()?;

                request.adapter = active.host_adapter();
                active.call(sender, command::ReserveAddress { request })?
            }
            Err(_) => {
                let queue = process.get::<PagingQueue>(argument.adapter)?;

                queue
                    .device()
                    .enter()?
                    .active()
                    .call(sender, command::ReserveAddress { request })?
            }
        };

        write_field!(argument, abi::ReserveAddress, virtual_address, &address)?;
        Ok(0)
    }
}

/// 0x0C: maps a part of an allocation to GPU virtual addresses.
struct MapAddress;

impl Ioctl for MapAddress {
    const REQUEST: u32 = 0xC068_470C;

    type Argument = abi::MapAddress;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        type Abi = abi::MapAddress;

        let process = caller.process;
        let queue = process.get::<PagingQueue>(argument.paging_queue)?;
        let mapped = queue.device().enter()?.active().call(
            process.on_host()?,
            command::MapAddress { request: *argument },
        )?;

        if is_accepted(mapped.code) {
            let fence = mapped.paging_fence_value;

            write_field!(argument, Abi, paging_fence_value, &fence)?;
            write_field!(argument, Abi, virtual_address, &mapped.virtual_address)?;
        }
        Ok(mapped.code)
    }
}

/// 0x20: frees a range of GPU virtual addresses.
struct FreeAddress;

impl Ioctl for FreeAddress {
    const REQUEST: u32 = 0xC018_4720;

    type Argument = abi::FreeAddress;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let active = process.adapter(argument.adapter)?.active()?;
        let mut request = *argument;

        request.adapter = active.host_adapter();
        active.call(process.on_host()?, command::FreeAddress { request })
    }
}

/// 0x39: changes mappings of GPU virtual addresses in the order of a context's commands.
struct UpdateAddress;

impl Ioctl for UpdateAddress {
    const REQUEST: u32 = 0xC038_4739;

    type Argument = abi::UpdateAddress;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let guard = process.device(argument.device)?;
        let count = argument.num_operations;

        if count == 0 || count > abi::UpdateAddress::MAX {
            return Err(EINVAL);
        }
        guard.active().call(
            process.on_host()?,
            command::UpdateAddress {
                fence_value: argument.fence_value,
                device: argument.device,
                context: argument.context,
                fence_object: argument.fence_object,
                flags: argument.flags,
                num_operations: count,
                operations: |bytes: &mut [u8]| read_bytes(argument.operations, bytes),
            },
        )?;
        write_field!(
            argument,
            abi::UpdateAddress,
            fence_value,
            &argument.fence_value
        )?;
        Ok(0)
    }
}
