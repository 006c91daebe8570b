// SPDX-License-Identifier: GPL-2.0

//! Listing the processes that use an adapter. No message is sent to the host.

use super::{
    entry,
    user_args::{
        write_field,
        write_slice,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::uapi::adapter as abi;
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<EnumProcesses>()];

/// 0x48: lists the processes of the caller's pid namespace that use an adapter.
pub(super) struct EnumProcesses;

impl EnumProcesses {
    /// Writes the list, if there is space for it. Returns the number of processes in any case but
    /// an error of the lookup, for which it is 0.
    fn list(caller: &Caller<'_>, argument: &abi::EnumProcesses) -> (u64, Result) {
        let numbers = caller
            .registry
            .find_adapter(argument.adapter_luid)
            .ok_or(EINVAL)
            .and_then(|adapter| caller.registry.users_of(&adapter));
        let numbers = match numbers {
            Ok(numbers) => numbers,
            Err(error) => return (0, Err(error)),
        };
        // CAST: `usize` has at most 64 bits.
        let count = numbers.len() as u64;

        if argument.buffer == 0 || count > argument.buffer_count {
            return (count, Err(EOVERFLOW));
        }
        (count, write_slice(argument.buffer, &numbers))
    }
}

impl Ioctl for EnumProcesses {
    const REQUEST: u32 = 0xC018_4748;

    type Argument = abi::EnumProcesses;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let (count, result) = Self::list(caller, &argument);

        write_field!(argument, abi::EnumProcesses, buffer_count, &count)?;
        result.map(|()| 0)
    }
}
