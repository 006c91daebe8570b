// SPDX-License-Identifier: GPL-2.0

//! Mapping allocations into the address space of the program.

use super::{
    entry,
    user_args::{
        write_field,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    linux::user_mapping::{
        Access,
        Caching, //
    },
    message::lock as command,
    objects::{
        allocation::Allocation,
        device::DeviceGuard,
        io_mapping::IoMapping,
        lock_state::{
            Locked,
            MapGuard, //
        },
        process::Process, //
    },
    uapi::lock as abi,
    wire::Handle, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<InvalidateCache>(),
    entry::<Lock>(),
    entry::<Unlock>(),
];

/// Tells the host that the allocation is no longer mapped by the program.
fn hide(process: &Process, guard: &DeviceGuard, allocation: &Allocation) -> Result<isize> {
    guard.active().call(
        process.on_host()?,
        command::Unlock {
            device: guard.handle(),
            allocation: allocation.handle(),
        },
    )
}

/// Drops one lock of the allocation. The message about the last unlock names `device`, which need
/// not be the device of the allocation: the host checks that.
fn unlock(process: &Process, device: Handle, allocation: &Allocation) -> Result<isize> {
    // Keeps both devices from being destroyed on the host. Only the last unlock needs them.
    let held = process
        .device(device)
        .and_then(|guard| Ok((guard, allocation.device().hold()?)));

    match allocation.view().unlock(|| held)? {
        Some(((guard, _pass), _turn)) => hide(process, &guard, allocation),
        None => Ok(0),
    }
}

/// 0x25: maps an allocation into the address space of the program.
struct Lock;

impl Lock {
    /// Asks the host to make the allocation visible in the IO space, and maps it.
    fn show(
        process: &Process,
        argument: &abi::Lock,
        allocation: &Allocation,
        turn: MapGuard<'_>,
    ) -> Result<u64> {
        let guard = process.device(argument.device)?;
        // Keeps the handle of the allocation from being reused before the host has received it.
        let _pass = allocation.device().hold()?;
        let start = guard.active().call(
            process.on_host()?,
            command::Lock {
                device: argument.device,
                allocation: argument.allocation,
                flags: argument.flags,
            },
        )?;
        let caching = if allocation.is_cached() {
            Caching::WriteBack
        } else {
            Caching::WriteCombining
        };

        // The memory goes away with the adapter of the allocation, whichever device locks it.
        turn.show(|| {
            IoMapping::show(
                process,
                allocation.device().adapter(),
                start,
                allocation.size(),
                Access::ReadWrite,
                caching,
            )
        })
        .inspect_err(|_| {
            if turn.matters() {
                let _ = hide(process, &guard, allocation);
            }
        })
    }
}

impl Ioctl for Lock {
    const REQUEST: u32 = 0xC018_4725;

    type Argument = abi::Lock;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let allocation = process.get::<Allocation>(argument.allocation)?;
        let address = match allocation.view().lock()? {
            Locked::At(address) => address,
            Locked::Ask(turn) => Self::show(process, &argument, &allocation, turn)?,
        };

        write_field!(argument, abi::Lock, data, &address).inspect_err(|_| {
            // A lock other than the first one is not checked for a valid device.
            let device = match process.device(argument.device) {
                Ok(_) => argument.device,
                Err(_) => allocation.device().handle(),
            };
            let _ = unlock(process, device, &allocation);
        })?;
        Ok(0)
    }
}

/// 0x37: drops a lock, and unmaps the allocation if it was the last one.
struct Unlock;

impl Ioctl for Unlock {
    const REQUEST: u32 = 0xC008_4737;

    type Argument = abi::Unlock;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let allocation = process.get::<Allocation>(argument.allocation)?;

        unlock(process, argument.device, &allocation)
    }
}

/// 0x24: makes data that the program has written to an allocation visible to the GPU.
struct InvalidateCache;

impl Ioctl for InvalidateCache {
    const REQUEST: u32 = 0xC018_4724;

    type Argument = abi::InvalidateCache;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;

        process.device(argument.device)?.active().call(
            process.on_host()?,
            command::InvalidateCache {
                device: argument.device,
                allocation: argument.allocation,
                offset: argument.offset,
                length: argument.length,
            },
        )
    }
}
