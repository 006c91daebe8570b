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
        census::Kind,
        device::Device,
        notices::StateChanges,
        process::{
            Flush,
            Place, //
        },
        waits::Waits, //
    },
    uapi::device as abi,
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<CreateDevice>(), entry::<DestroyDevice>()];

/// 0x02: makes a device on an adapter.
struct CreateDevice;

impl Ioctl for CreateDevice {
    const REQUEST: u32 = 0xC040_4702;

    type Argument = abi::CreateDevice;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let services = process.services();
        let adapter = process.adapter(argument.adapter)?;
        let active = adapter.active()?;
        let waits = Waits::new()?;
        let dependences = process.depend_on(&adapter, waits.clone())?;
        let limbo = process.limbo_on(&adapter)?;
        let sender = process.on_host()?;
        let handle = active.call(
            sender,
            command::CreateDevice {
                flags: argument.flags,
                cookie: StateChanges::COOKIE,
            },
        )?;
        let place = Place {
            handle,
            parent: None,
        };
        let newborn = process.newborn(&[place], || {
            let destroy = || command::DestroyDevice { device: handle };
            let _ = active.tell(sender, destroy, WaitMode::Killable);
        })?;
        let counted = services.census.count(Kind::Device);
        let device = Device::new(
            adapter,
            handle,
            (waits, dependences),
            limbo,
            services.notices.state_changes.clone(),
            counted,
        )?;

        write_field!(argument, abi::CreateDevice, device, &handle)?;
        process.publish_device(newborn, device)?;
        Ok(0)
    }
}

/// 0x19: destroys a device with everything on it.
struct DestroyDevice;

impl Ioctl for DestroyDevice {
    const REQUEST: u32 = 0xC004_4719;

    type Argument = abi::DestroyDevice;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        caller.process.destroy_device(argument.device, Flush::No)?;
        Ok(0)
    }
}
