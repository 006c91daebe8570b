// SPDX-License-Identifier: GPL-2.0

//! Escapes, which carry data of the vendor's drivers.
//!
//! The driver does not interpret the data, with one exception: driver-known escapes, which are the
//! same for all vendors and whose first word is their number. Some of those cannot be forwarded
//! unchanged.

use super::{
    entry,
    user_args::{
        read_bytes,
        write_slice,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::escape as command,
    objects::adapter::Active,
    transport::MAX_MESSAGE,
    uapi::escape as abi, //
};
use core::mem::offset_of;
use kernel::prelude::*;
use zerocopy::FromZeros;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<Escape>()];

/// The number of a driver-known escape, as it was read from the program.
type KnownNumber = [u8; size_of::<u32>()];

/// Returns the user address `offset` bytes after `address`.
///
/// # Errors
///
/// `EFAULT` if the sum overflows.
fn beyond(address: u64, offset: usize) -> Result<u64> {
    // CAST: `usize` has at most 64 bits.
    address.checked_add(offset as u64).ok_or(EFAULT)
}

/// Reads data that begins with a number which was read before. The number is not read again, since
/// the program may have changed it.
fn read_after(number: KnownNumber, address: u64, bytes: &mut [u8]) -> Result {
    let (head, rest) = bytes
        .split_first_chunk_mut::<{ size_of::<u32>() }>()
        .ok_or(EINVAL)?;

    *head = number;
    read_bytes(beyond(address, number.len())?, rest)
}

/// 0x0D: sends data to the vendor's driver on the host, and returns its reply.
struct Escape;

impl Escape {
    /// Forwards the data unchanged, and copies the reply back to the program.
    fn forward(
        caller: &Caller<'_>,
        active: &Active,
        argument: &abi::Escape,
        number: Option<KnownNumber>,
    ) -> Result<isize> {
        // CAST: `usize` has at least 32 bits.
        if argument.priv_drv_data_size as usize > MAX_MESSAGE {
            return Err(EINVAL);
        }

        let answer = active.call(
            caller.process.on_host()?,
            command::Escape {
                adapter: active.host_adapter(),
                device: argument.device,
                escape_type: argument.r#type,
                flags: argument.flags,
                context: argument.context,
                data_size: argument.priv_drv_data_size,
                data: |bytes: &mut [u8]| match number {
                    Some(number) => read_after(number, argument.priv_drv_data, bytes),
                    None => read_bytes(argument.priv_drv_data, bytes),
                },
            },
        )?;

        write_slice(argument.priv_drv_data, answer.bytes())?;
        Ok(0)
    }

    /// Lets the host build a test command buffer. In the message the command buffer follows the
    /// structure, which points to it in user memory.
    fn build_test_command_buffer(
        caller: &Caller<'_>,
        active: &Active,
        argument: &abi::Escape,
        number: KnownNumber,
    ) -> Result<isize> {
        type Build = abi::BuildTestCommandBuffer;

        const BUILD: usize = size_of::<Build>();

        // CAST: `usize` has at least 32 bits.
        if (argument.priv_drv_data_size as usize) < BUILD {
            return Err(EINVAL);
        }

        let mut build = Build::new_zeroed();

        read_after(number, argument.priv_drv_data, build.as_mut_bytes())?;

        let (room, private_room) = (build.dma_buffer_size, build.dma_buffer_priv_data_size);

        if !(Build::MIN_DMA..=Build::MAX_DMA).contains(&room) || private_room > Build::MAX_PRIVATE {
            return Err(EINVAL);
        }

        let sent = Build {
            dma_buffer: 0,
            dma_buffer_priv_data: 0,
            ..build
        };
        let answer = active.call(
            caller.process.on_host()?,
            command::Escape {
                adapter: active.host_adapter(),
                device: argument.device,
                escape_type: argument.r#type,
                flags: argument.flags,
                context: argument.context,
                // CAST: The size is 112.
                data_size: BUILD as u32 + room + private_room,
                data: |bytes: &mut [u8]| sent.write_to_prefix(bytes).map_err(|_| EINVAL),
            },
        )?;
        let (built, rest) = Build::read_from_prefix(answer.bytes()).map_err(|_| EOVERFLOW)?;
        // CAST: `usize` has at least 32 bits.
        let (command, private) = rest.split_at_checked(room as usize).ok_or(EOVERFLOW)?;
        // The host cannot have written more than the size that was sent.
        let sizes = [
            built.dma_buffer_size.min(room),
            built.dma_buffer_priv_data_size.min(private_room),
        ];
        let [command_size, private_size] = sizes;

        write_slice(
            beyond(argument.priv_drv_data, offset_of!(Build, dma_buffer_size))?,
            &sizes,
        )?;
        // CAST: `usize` has at least 32 bits.
        write_slice(
            build.dma_buffer,
            command.get(..command_size as usize).ok_or(EOVERFLOW)?,
        )?;
        // CAST: `usize` has at least 32 bits.
        write_slice(
            build.dma_buffer_priv_data,
            private.get(..private_size as usize).ok_or(EOVERFLOW)?,
        )?;
        Ok(0)
    }
}

impl Ioctl for Escape {
    const REQUEST: u32 = 0xC020_470D;

    type Argument = abi::Escape;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        type Abi = abi::Escape;

        let active = caller.process.adapter(argument.adapter)?.active()?;
        let is_known =
            argument.r#type == Abi::DRIVER_PRIVATE && argument.flags & Abi::DRIVER_KNOWN != 0;

        if !is_known {
            return Self::forward(caller, &active, &argument, None);
        }

        let mut number = KnownNumber::default();

        // CAST: `usize` has at least 32 bits.
        if (argument.priv_drv_data_size as usize) < number.len() {
            return Err(EINVAL);
        }
        read_bytes(argument.priv_drv_data, &mut number)?;
        match u32::from_le_bytes(number) {
            // Host and guest use the same handles, so there is nothing to translate.
            Abi::TRANSLATE_ALLOCATION_HANDLE | Abi::TRANSLATE_RESOURCE_HANDLE => Ok(0),
            Abi::BUILD_TEST_COMMAND_BUFFER => {
                Self::build_test_command_buffer(caller, &active, &argument, number)
            }
            _ => Self::forward(caller, &active, &argument, Some(number)),
        }
    }
}

// `build_test_command_buffer` writes both sizes at once.
static_assert!(
    offset_of!(abi::BuildTestCommandBuffer, dma_buffer_priv_data_size)
        == offset_of!(abi::BuildTestCommandBuffer, dma_buffer_size) + size_of::<u32>()
);
