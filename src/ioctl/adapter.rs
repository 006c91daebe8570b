// SPDX-License-Identifier: GPL-2.0

//! Opening, closing and listing adapters. These requests send no message to the host.

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
use crate::{
    objects::{
        adapter::Adapter,
        process::Process, //
    },
    registry::MAX_ADAPTERS,
    uapi::adapter as abi,
    wire::Handle, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<OpenAdapterFromLuid>(),
    entry::<EnumAdapters2>(),
    entry::<CloseAdapter>(),
    entry::<EnumAdapters3>(),
];

/// Largest number of adapters that EnumAdapters3 accepts space for.
const MAX_ROOM_3: u32 = 0xFFFF;

/// New adapter handles, which are closed again unless they reach the user.
struct NewHandles<'a> {
    process: &'a Arc<Process>,
    list: KVec<abi::AdapterInfo>,
}

impl<'a> NewHandles<'a> {
    /// Opens one handle for each of `adapters`. Stops early if there is no memory for more.
    fn open(
        process: &'a Arc<Process>,
        adapters: impl ExactSizeIterator<Item = &'a Arc<Adapter>>,
    ) -> Result<Self> {
        let mut new = Self {
            process,
            list: KVec::with_capacity(adapters.len(), GFP_KERNEL_ACCOUNT)?,
        };

        for adapter in adapters {
            let Ok(adapter_handle) = process.open_adapter(adapter) else {
                break;
            };
            let info = abi::AdapterInfo {
                adapter_handle,
                adapter_luid: adapter.luid(),
                num_sources: 0,
                present_move_regions_preferred: 0,
            };

            // This cannot fail: the capacity was allocated above.
            new.list.push(info, GFP_KERNEL_ACCOUNT)?;
        }
        Ok(new)
    }

    /// Returns the number of handles.
    fn count(&self) -> Result<u32> {
        Ok(u32::try_from(self.list.len())?)
    }

    /// Writes the list to the user, who owns the handles from then on.
    fn hand_over(mut self, address: u64) -> Result {
        write_slice(address, &self.list)?;
        self.list.clear();
        Ok(())
    }
}

impl Drop for NewHandles<'_> {
    fn drop(&mut self) {
        for info in self.list.iter() {
            // Another thread of the process may have guessed the handle and closed it.
            let _ = self.process.close_adapter(info.adapter_handle);
        }
    }
}

/// Returns the active adapters for which `wanted` is true.
fn active(caller: &Caller<'_>, wanted: impl Fn(&Adapter) -> bool) -> Result<KVec<Arc<Adapter>>> {
    let mut adapters = caller.registry.adapters()?;

    adapters.retain(|adapter| adapter.active().is_ok() && wanted(adapter));
    Ok(adapters)
}

/// 0x01: opens the active adapter with the given LUID.
pub(super) struct OpenAdapterFromLuid;

impl Ioctl for OpenAdapterFromLuid {
    const REQUEST: u32 = 0xC00C_4701;

    type Argument = abi::OpenAdapterFromLuid;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let adapter = caller
            .registry
            .find_adapter(argument.adapter_luid)
            .filter(|adapter| adapter.active().is_ok())
            .ok_or(EINVAL)?;
        // The ABI defines no other error here.
        let handle = caller.process.open_adapter(&adapter).map_err(|_| EINVAL)?;

        write_field!(argument, abi::OpenAdapterFromLuid, adapter_handle, &handle).inspect_err(
            |_| {
                let _ = caller.process.close_adapter(handle);
            },
        )?;
        Ok(0)
    }
}

/// 0x15: closes an adapter handle.
pub(super) struct CloseAdapter;

impl Ioctl for CloseAdapter {
    const REQUEST: u32 = 0xC004_4715;

    type Argument = abi::CloseAdapter;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        if argument.adapter_handle != Handle::NONE {
            caller.process.close_adapter(argument.adapter_handle)?;
        }
        Ok(0)
    }
}

/// 0x14: opens and lists the active adapters that can render.
pub(super) struct EnumAdapters2;

impl Ioctl for EnumAdapters2 {
    const REQUEST: u32 = 0xC010_4714;

    type Argument = abi::EnumAdapters2;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let with_count = |num_adapters| abi::EnumAdapters2 {
            num_adapters,
            reserved: argument.reserved,
            adapters: argument.adapters,
        };
        let known = u32::try_from(caller.registry.adapter_count())?;

        if argument.adapters == 0 {
            argument.write_back(&with_count(known))?;
            return Ok(0);
        }
        if argument.num_adapters < known {
            return Err(EOVERFLOW);
        }
        // CAST: The limit is 64.
        if argument.num_adapters > MAX_ADAPTERS as u32 {
            return Err(EINVAL);
        }

        let adapters = active(caller, |adapter| !adapter.compute_only())?;

        // Adapters may have been added since they were counted.
        // CAST: The number is at most 64.
        if adapters.len() > argument.num_adapters as usize {
            return Err(EOVERFLOW);
        }

        let new = NewHandles::open(caller.process, adapters.iter())?;

        argument.write_back(&with_count(new.count()?))?;
        new.hand_over(argument.adapters)?;
        Ok(0)
    }
}

/// 0x3E: opens and lists the active adapters, compute-only ones only if asked for.
pub(super) struct EnumAdapters3;

impl Ioctl for EnumAdapters3 {
    const REQUEST: u32 = 0xC018_473E;

    type Argument = abi::EnumAdapters3;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let write_count =
            |count: u32| write_field!(argument, abi::EnumAdapters3, adapter_count, &count);

        if argument.adapters == 0 || argument.adapter_count == 0 {
            write_count(u32::try_from(caller.registry.adapter_count())?)?;
            return Ok(0);
        }
        if argument.adapter_count > MAX_ROOM_3 {
            return Err(EINVAL);
        }

        let all = argument.filter & abi::EnumAdapters3::INCLUDE_COMPUTE_ONLY != 0;
        let adapters = active(caller, |adapter| all || !adapter.compute_only())?;
        let needed = u32::try_from(adapters.len())?;

        if needed > argument.adapter_count {
            write_count(needed)?;
            return Err(EOVERFLOW);
        }

        let new = NewHandles::open(caller.process, adapters.iter())?;

        write_count(new.count()?)?;
        new.hand_over(argument.adapters)?;
        Ok(0)
    }
}
