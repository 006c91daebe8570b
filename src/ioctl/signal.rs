// SPDX-License-Identifier: GPL-2.0

//! Signalling sync objects.

use super::{
    entry,
    user_args::{
        event_fd,
        read_bytes,
        read_value,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::signal::{
        Arrays,
        SignalSyncObject,
        Signaller, //
    },
    objects::{
        context::Context,
        device::DeviceGuard,
        guest_event::EventOnce,
        hw_queue::HwQueue,
        process::Process,
        waits::Ticket, //
    },
    uapi::signal::{
        self as abi,
        signal_flags, //
    },
    wire::Handle, //
};
use core::ops::RangeInclusive;
use kernel::{
    prelude::*,
    sync::Arc, //
};
use zerocopy::Immutable;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<SignalSynchronizationObject2>(),
    entry::<SignalSynchronizationObjectFromCpu>(),
    entry::<SignalSynchronizationObjectFromGpu>(),
    entry::<SignalSynchronizationObjectFromGpu2>(),
    entry::<SubmitSignalSyncObjectsToHwQueue>(),
];

/// Numbers of objects that the CPU or a hardware queue may signal at once.
const FEW: RangeInclusive<u32> = 1..=32;
/// Numbers of hardware queues that may signal at once.
const QUEUES: RangeInclusive<u32> = 1..=64;
/// Numbers of objects or contexts in a request of a context. A message has space for fewer.
const MANY: RangeInclusive<u32> = 1..=131_072;

fn check(counts: RangeInclusive<u32>, count: u32) -> Result {
    if counts.contains(&count) {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

/// Returns the first `count` elements of `all`.
fn first<T>(all: &[T], count: u32) -> Result<&[T]> {
    // CAST: `usize` has at least 32 bits.
    all.get(..count as usize).ok_or(EINVAL)
}

/// Copies `values` to `bytes`, which must be as long.
fn copy<T: IntoBytes + Immutable>(values: &[T], bytes: &mut [u8]) -> Result {
    values.write_to(bytes).map_err(|_| EINVAL)
}

/// Fills `bytes` with the array of handles at `address`, whose first one was read before and is not
/// read again. Does nothing if `bytes` is empty.
fn fill_rest(first: Handle, address: u64, bytes: &mut [u8]) -> Result {
    let start = size_of::<Handle>();
    let Some((head, rest)) = bytes.split_at_mut_checked(start) else {
        return Ok(());
    };
    // CAST: The size of a handle is 4.
    let address = address.checked_add(start as u64).ok_or(EFAULT)?;

    copy(&[first], head)?;
    read_bytes(address, rest)
}

/// Reads the values of the objects. `bytes` is empty if the program has given no array: the message
/// then has no values, and the host decides whether the objects need them.
fn read_values(address: u64, bytes: &mut [u8]) -> Result {
    if bytes.is_empty() {
        return Ok(());
    }
    read_bytes(address, bytes)
}

/// Makes a one-shot wait that signals the eventfd `handle`.
fn event(handle: u64) -> Result<Arc<EventOnce>> {
    EventOnce::new(event_fd(handle)?)
}

/// Registers a wait that ends when the host signals `event`.
fn begin(process: &Process, device: &DeviceGuard, event: Arc<EventOnce>) -> Result<Ticket> {
    device.waits().begin(
        &process.driver_data().host_events.events,
        process.charge_event()?,
        event,
    )
}

/// Sends a signal on behalf of `device`. If that fails, the wait of `ticket` is cancelled.
fn send<F: FnMut(Arrays<'_>) -> Result>(
    process: &Process,
    device: &DeviceGuard,
    ticket: Option<Ticket>,
    signal: SignalSyncObject<F>,
) -> Result<isize> {
    let status = device.active().submit(process.on_host()?, signal)?;

    if let Some(ticket) = ticket {
        ticket.leave();
    }
    Ok(status)
}

/// 0x11: contexts signal objects or an event.
struct SignalSynchronizationObject2;

impl Ioctl for SignalSynchronizationObject2 {
    const REQUEST: u32 = 0xC1D0_4711;

    type Argument = abi::SignalSynchronizationObject2;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let objects = first(&argument.object_array, argument.object_count)?;

        let contexts = first(&argument.contexts, argument.context_count)?;
        let event = (argument.flags & signal_flags::ENQUEUE_CPU_EVENT != 0)
            .then(|| event(argument.value))
            .transpose()?;
        let device = process.get::<Context>(argument.context)?.device().enter()?;
        let ticket = event
            .map(|event| begin(process, &device, event))
            .transpose()?;
        let count = argument.context_count + 1;
        let signal = SignalSyncObject {
            signaller: match &ticket {
                Some(ticket) => Signaller::QueuesWithEvent(count, ticket.event()),
                None => Signaller::Queues(count),
            },
            flags: argument.flags,
            object_count: argument.object_count,
            with_values: false,
            // With an event the host ignores the value.
            fence_value: argument.value,
            arrays: |arrays: Arrays<'_>| {
                let (head, rest) = arrays
                    .queues
                    .split_at_mut_checked(size_of::<Handle>())
                    .ok_or(EINVAL)?;

                copy(objects, arrays.objects)?;
                copy(&[argument.context], head)?;
                copy(contexts, rest)
            },
        };

        send(process, &device, ticket, signal)
    }
}

/// 0x31: the CPU signals monitored fences.
struct SignalSynchronizationObjectFromCpu;

impl Ioctl for SignalSynchronizationObjectFromCpu {
    const REQUEST: u32 = 0xC020_4731;

    type Argument = abi::SignalSynchronizationObjectFromCpu;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;

        check(FEW, argument.object_count)?;

        let device = process.device(argument.device)?;
        let signal = SignalSyncObject {
            signaller: Signaller::Cpu(device.handle()),
            flags: argument.flags,
            object_count: argument.object_count,
            with_values: argument.fence_values != 0,
            fence_value: 0,
            arrays: |arrays: Arrays<'_>| {
                read_bytes(argument.objects, arrays.objects)?;
                read_values(argument.fence_values, arrays.values)
            },
        };

        send(process, &device, None, signal)
    }
}

/// 0x32: a context signals sync objects.
struct SignalSynchronizationObjectFromGpu;

impl Ioctl for SignalSynchronizationObjectFromGpu {
    const REQUEST: u32 = 0xC050_4732;

    type Argument = abi::SignalSynchronizationObjectFromGpu;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;

        check(MANY, argument.object_count)?;

        let device = process.get::<Context>(argument.context)?.device().enter()?;
        let signal = SignalSyncObject {
            signaller: Signaller::Queues(1),
            flags: 0,
            object_count: argument.object_count,
            with_values: argument.monitored_fence_values != 0,
            fence_value: 0,
            arrays: |arrays: Arrays<'_>| {
                read_bytes(argument.objects, arrays.objects)?;
                copy(&[argument.context], arrays.queues)?;
                read_values(argument.monitored_fence_values, arrays.values)
            },
        };

        send(process, &device, None, signal)
    }
}

/// 0x33: contexts signal monitored fences or an event.
struct SignalSynchronizationObjectFromGpu2;

impl Ioctl for SignalSynchronizationObjectFromGpu2 {
    const REQUEST: u32 = 0xC060_4733;

    type Argument = abi::SignalSynchronizationObjectFromGpu2;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let with_event = argument.flags & signal_flags::ENQUEUE_CPU_EVENT != 0;

        if with_event {
            if argument.object_count != 0 || argument.values == 0 {
                return Err(EINVAL);
            }
            // The host decides whether a signal without contexts is valid.
            check(0..=*MANY.end(), argument.context_count)?;
        } else {
            check(MANY, argument.object_count)?;
            check(MANY, argument.context_count)?;
        }

        let context: Handle = read_value(argument.contexts)?;
        let event = with_event.then(|| event(argument.values)).transpose()?;
        let device = process.get::<Context>(context)?.device().enter()?;
        let ticket = event
            .map(|event| begin(process, &device, event))
            .transpose()?;
        let count = argument.context_count;
        let signal = SignalSyncObject {
            signaller: match &ticket {
                Some(ticket) => Signaller::QueuesWithEvent(count, ticket.event()),
                None => Signaller::Queues(count),
            },
            flags: argument.flags,
            object_count: argument.object_count,
            // With an event the field holds the eventfd.
            with_values: !with_event && argument.values != 0,
            fence_value: 0,
            arrays: |arrays: Arrays<'_>| {
                fill_rest(context, argument.contexts, arrays.queues)?;
                if with_event {
                    return Ok(());
                }
                read_bytes(argument.objects, arrays.objects)?;
                read_values(argument.values, arrays.values)
            },
        };

        send(process, &device, ticket, signal)
    }
}

/// 0x35: hardware queues signal monitored fences.
struct SubmitSignalSyncObjectsToHwQueue;

impl Ioctl for SubmitSignalSyncObjectsToHwQueue {
    const REQUEST: u32 = 0xC028_4735;

    type Argument = abi::SubmitSignalSyncObjectsToHwQueue;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;

        check(QUEUES, argument.hwqueue_count)?;
        check(FEW, argument.object_count)?;

        let queue: Handle = read_value(argument.hwqueues)?;
        let device = process.get::<HwQueue>(queue)?.device().enter()?;
        let signal = SignalSyncObject {
            signaller: Signaller::Queues(argument.hwqueue_count),
            flags: argument.flags,
            object_count: argument.object_count,
            with_values: argument.fence_values != 0,
            fence_value: 0,
            arrays: |arrays: Arrays<'_>| {
                read_bytes(argument.objects, arrays.objects)?;
                fill_rest(queue, argument.hwqueues, arrays.queues)?;
                read_values(argument.fence_values, arrays.values)
            },
        };

        send(process, &device, None, signal)
    }
}
