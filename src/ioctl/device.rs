// SPDX-License-Identifier: GPL-2.0

//! Devices.

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
    linux::wait::WaitMode,
    message::device as command,
    objects::{
        device::Device,
        host_events::StateChanges,
        object_stats::Kind,
        process::{
            Flush,
            HandleSlot, //
        },
        waits::Waits, //
    },
    uapi::device as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<CreateDevice>(), entry::<DestroyDevice>()];

/// 0x02: creates a device on an adapter.
struct CreateDevice;

impl Ioctl for CreateDevice {
    const REQUEST: u32 = 0xC040_4702;

    type Argument = abi::CreateDevice;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let driver_data = process.driver_data();
        let adapter = process.adapter(argument.adapter)?;
        let active = adapter.active()?;
        let waits = Waits::new()?;
        let notifiers = process.notify_on_loss(&adapter, waits.clone())?;
        let deferred_unpin = process.notify_deferred_unpin(&adapter)?;
        let sender = process.on_host()?;
        let handle = active.call(
            sender,
            command::CreateDevice {
                flags: argument.flags,
                cookie: StateChanges::COOKIE,
            },
        )?;
        let slot = HandleSlot {
            handle,
            parent: None,
        };
        let pending = process.reserve_handles(&[slot], || {
            let destroy = || command::DestroyDevice { device: handle };
            let _ = active.tell(sender, destroy, WaitMode::Killable);
        })?;
        let counted = driver_data.object_stats.count(Kind::Device);
        let device = Device::new(
            adapter,
            handle,
            (waits, notifiers),
            deferred_unpin,
            driver_data.host_events.state_changes.clone(),
            counted,
        )?;

        write_field!(argument, abi::CreateDevice, device, &handle)?;
        process.publish_device(pending, device)?;
        Ok(0)
    }
}

/// 0x19: destroys a device with all its objects.
struct DestroyDevice;

impl Ioctl for DestroyDevice {
    const REQUEST: u32 = 0xC004_4719;

    type Argument = abi::DestroyDevice;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        caller.process.destroy_device(argument.device, Flush::No)?;
        Ok(0)
    }
}
