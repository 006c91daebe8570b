// SPDX-License-Identifier: GPL-2.0

//! Waiting for sync objects, by contexts, hardware queues or the CPU.

use super::{
    entry,
    user_args::{
        event_fd,
        read_bytes,
        read_slice,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::wait::{
        Awaited,
        WaitForSyncObjectFromCpu,
        WaitForSyncObjectFromGpu, //
    },
    objects::{
        context::Context,
        device::DeviceGuard,
        guest_event::{
            Blocking,
            EventOnce, //
        },
        hw_queue::HwQueue,
        object::Object,
        process::Process,
        waits::{
            Ticket,
            Wait, //
        }, //
    },
    uapi::wait as abi, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<WaitForSynchronizationObject2>(),
    entry::<WaitForSynchronizationObjectFromGpu>(),
    entry::<SubmitWaitForSyncObjectsToHwQueue>(),
    entry::<WaitForSynchronizationObjectFromCpu>(),
];

/// Largest number of objects the CPU may wait for at once. A message has space for fewer.
const MAX_AWAITED: u32 = 131_072;

/// An array with one element per object that a context or a hardware queue waits for.
type WaitArray<T> = [T; abi::MAX_OBJECTS];

/// Returns the first `count` elements of `all`; `EINVAL` if `count` is 0 or too large.
fn first<T>(all: &mut WaitArray<T>, count: u32) -> Result<&mut [T]> {
    if count == 0 {
        return Err(EINVAL);
    }
    // CAST: `usize` has at least 32 bits.
    all.get_mut(..count as usize).ok_or(EINVAL)
}

/// 0x12: makes a context wait for objects other than monitored fences.
struct WaitForSynchronizationObject2;

impl Ioctl for WaitForSynchronizationObject2 {
    const REQUEST: u32 = 0xC0C8_4712;

    type Argument = abi::WaitForSynchronizationObject2;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let mut objects = argument.object_array;
        let objects = first(&mut objects, argument.object_count)?;
        let device = process.get::<Context>(argument.context)?.device().enter()?;

        device.active().submit(
            process.on_host()?,
            WaitForSyncObjectFromGpu {
                context: argument.context,
                awaited: Awaited::Legacy(objects, argument.fence_value),
            },
        )
    }
}

/// 0x3B: makes a context wait for objects.
struct WaitForSynchronizationObjectFromGpu;

impl Ioctl for WaitForSynchronizationObjectFromGpu {
    const REQUEST: u32 = 0xC050_473B;

    type Argument = abi::WaitForSynchronizationObjectFromGpu;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let mut objects = WaitArray::default();
        let mut values = WaitArray::default();
        let objects = first(&mut objects, argument.object_count)?;
        let values = first(&mut values, argument.object_count)?;

        read_slice(argument.objects, objects)?;

        let context = process.get::<Context>(argument.context)?;
        let one = objects.first().copied().ok_or(EINVAL)?;
        // The first object decides the type of the wait; the host checks the others.
        let awaited = match process.object(one)? {
            Object::Sync(object) if !object.is_monitored() => {
                Awaited::Legacy(objects, argument.values)
            }
            Object::Sync(_) | Object::Fence => {
                read_slice(argument.values, values)?;
                Awaited::Monitored(objects, values)
            }
            _ => return Err(EINVAL),
        };
        let device = context.device().enter()?;

        device.active().submit(
            process.on_host()?,
            WaitForSyncObjectFromGpu {
                context: argument.context,
                awaited,
            },
        )
    }
}

/// 0x36: makes a hardware queue wait for monitored fences.
struct SubmitWaitForSyncObjectsToHwQueue;

impl Ioctl for SubmitWaitForSyncObjectsToHwQueue {
    const REQUEST: u32 = 0xC018_4736;

    type Argument = abi::SubmitWaitForSyncObjectsToHwQueue;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let mut objects = WaitArray::default();
        let mut values = WaitArray::default();
        let objects = first(&mut objects, argument.object_count)?;
        let values = first(&mut values, argument.object_count)?;

        read_slice(argument.objects, objects)?;
        read_slice(argument.fence_values, values)?;

        let device = process.get::<HwQueue>(argument.hwqueue)?.device().enter()?;

        device.active().submit(
            process.on_host()?,
            WaitForSyncObjectFromGpu {
                context: argument.hwqueue,
                awaited: Awaited::Monitored(objects, values),
            },
        )
    }
}

/// 0x3A: blocks the caller until objects are signalled, or signals an eventfd then.
struct WaitForSynchronizationObjectFromCpu;

impl WaitForSynchronizationObjectFromCpu {
    /// Asks the host to end `wait`. Returns the ticket and the host's success code.
    fn ask(
        process: &Process,
        device: &DeviceGuard,
        argument: &abi::WaitForSynchronizationObjectFromCpu,
        wait: Arc<dyn Wait>,
    ) -> Result<(Ticket, isize)> {
        let ticket = device.waits().begin(
            &process.driver_data().host_events.events,
            process.charge_event()?,
            wait,
        )?;
        let status = device.active().call(
            process.on_host()?,
            WaitForSyncObjectFromCpu {
                device: device.handle(),
                flags: argument.flags,
                event: ticket.event(),
                object_count: argument.object_count,
                arrays: |objects: &mut [u8], values: &mut [u8]| {
                    read_bytes(argument.objects, objects)?;
                    read_bytes(argument.fence_values, values)
                },
            },
        )?;

        Ok((ticket, status))
    }
}

impl Ioctl for WaitForSynchronizationObjectFromCpu {
    const REQUEST: u32 = 0xC028_473A;

    type Argument = abi::WaitForSynchronizationObjectFromCpu;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;

        if argument.object_count == 0 || argument.object_count > MAX_AWAITED {
            return Err(EINVAL);
        }
        if argument.async_event != 0 {
            let event = EventOnce::new(event_fd(argument.async_event)?)?;
            let device = process.device(argument.device)?;
            let (ticket, status) = Self::ask(process, &device, &argument, event)?;

            ticket.leave();
            return Ok(status);
        }

        let blocking = Blocking::new()?;
        let device = process.device(argument.device)?;
        let (_ticket, _) = Self::ask(process, &device, &argument, blocking.clone())?;

        // Release the device, so that its destruction need not wait for this thread.
        drop(device);
        // After a signal the wait is cancelled and the program may restart the request from the
        // beginning: nothing has changed.
        blocking.wait()?;
        Ok(0)
    }
}
