// SPDX-License-Identifier: GPL-2.0

//! Allocations in the address space of the program.

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
        cpu_view::{
            Locked,
            Turn, //
        },
        device::DeviceGuard,
        host_view::{
            HostView,
            Viewer, //
        },
        process::Process, //
    },
    uapi::lock as abi,
    wire::Handle,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<InvalidateCache>(),
    entry::<Lock>(),
    entry::<Unlock>(),
];

/// The device behind `handle`, on which `allocation` is.
///
/// # Errors
///
/// `EINVAL` if it is not; those of looking it up.
fn device_of(process: &Process, handle: Handle, allocation: &Allocation) -> Result<DeviceGuard> {
    let guard = process.device(handle)?;

    if !Arc::ptr_eq(guard.device(), allocation.device()) {
        return Err(EINVAL);
    }
    Ok(guard)
}

/// Tells the host that the program does not see the allocation any more.
fn hide(process: &Process, guard: &DeviceGuard, allocation: &Allocation) -> Result<isize> {
    guard.active().call(
        process.on_host()?,
        command::Unlock {
            device: guard.handle(),
            allocation: allocation.handle(),
        },
    )
}

/// Takes a lock back.
fn unlock(process: &Process, device: Handle, allocation: &Allocation) -> Result<isize> {
    let guard = device_of(process, device, allocation);

    // Only the last one has to do with the device.
    match allocation.view().unlock(|| guard)? {
        Some((guard, _turn)) => hide(process, &guard, allocation),
        None => Ok(0),
    }
}

/// 0x25: shows an allocation to the program.
struct Lock;

impl Lock {
    /// Lets the host show the allocation, and maps it.
    fn show(
        process: &Process,
        argument: &abi::Lock,
        allocation: &Allocation,
        turn: Turn<'_>,
    ) -> Result<u64> {
        let guard = device_of(process, argument.device, allocation)?;
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

        let shared = allocation.resource().and_then(|resource| resource.shared());
        let viewer = shared.map_or(Viewer::Alone, |shared| {
            Viewer::Allocation(shared.clone(), caching)
        });

        turn.show(|| {
            HostView::show(
                process,
                guard.adapter(),
                start,
                allocation.size(),
                Access::ReadWrite,
                caching,
                viewer,
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
            let _ = unlock(process, allocation.device().handle(), &allocation);
        })?;
        Ok(0)
    }
}

/// 0x37: takes a lock back.
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

/// 0x24: makes what the program has written visible to the GPU.
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
