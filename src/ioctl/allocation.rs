// SPDX-License-Identifier: GPL-2.0

//! Allocations and resources.

mod create;
mod request;

use self::create::CreateAllocation;
use super::{
    entry,
    user_args::{
        read_array,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::allocation as command,
    objects::{
        device::Device,
        object::Object, //
    },
    uapi::allocation as abi,
    wire::Handle, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<CreateAllocation>(), entry::<DestroyAllocation>()];

/// 0x13: destroys allocations, or a resource with everything in it.
struct DestroyAllocation;

impl DestroyAllocation {
    /// Whether a handle occurs twice: one look is enough, as the table looks at nothing but the
    /// index.
    fn has_twins(handles: &[Handle]) -> Result<bool> {
        let mut indices = KVVec::with_capacity(handles.len(), GFP_KERNEL_ACCOUNT)?;

        for handle in handles {
            indices.push(handle.index(), GFP_KERNEL_ACCOUNT)?;
        }
        indices.sort_unstable();
        Ok(indices.windows(2).any(|pair| pair.first() == pair.last()))
    }
}

impl Ioctl for DestroyAllocation {
    const REQUEST: u32 = 0xC018_4713;

    type Argument = abi::DestroyAllocation;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        // CAST: 32 bits fit.
        let count = argument.alloc_count as usize;

        if count > command::DestroyAllocation::MOST || (count == 0) == argument.resource.is_none() {
            return Err(EINVAL);
        }

        let handles = read_array::<Handle>(argument.allocations, count)?;
        let device = process.get::<Device>(argument.device)?;
        let _pass = device.hold()?;

        if Self::has_twins(&handles)? {
            return Err(EINVAL);
        }
        if count == 0 {
            process.doom_resource(&device, argument.resource)?;
            while process.take_doomed(argument.resource).is_some() {}
        } else {
            process.doom_allocations(&device, &handles)?;
            for handle in &handles {
                drop::<Option<(Handle, Object)>>(process.take_doomed(*handle));
            }
        }

        // Without the adapter there is nobody to be told.
        let Ok(active) = device.adapter().active() else {
            return Ok(0);
        };

        active
            .call(
                process.on_host()?,
                command::DestroyAllocation {
                    device: device.handle(),
                    resource: argument.resource,
                    allocations: &handles,
                    flags: argument.flags,
                },
            )?
            .into_result()
    }
}
