// SPDX-License-Identifier: GPL-2.0

//! Hardware queues.

use super::{
    entry,
    user_args::{
        read_bytes,
        write_field,
        write_slice,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    linux::wait::WaitMode,
    message::hw_queue as command,
    objects::{
        context::Context,
        fence_page::FencePage,
        hw_queue::HwQueue,
        object::Object,
        object_stats::Kind,
        process::HandleSlot, //
    },
    transport::MAX_MESSAGE,
    uapi::hw_queue as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<CreateHwQueue>(), entry::<DestroyHwQueue>()];

/// Converts `ENODEV`: the context was destroyed in the meantime, while the device still exists.
fn without_context(error: Error) -> Error {
    if error == ENODEV {
        return EINVAL;
    }
    error
}

/// 0x18: creates a hardware queue of a context.
struct CreateHwQueue;

impl Ioctl for CreateHwQueue {
    const REQUEST: u32 = 0xC030_4718;

    type Argument = abi::CreateHwQueue;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        type Abi = abi::CreateHwQueue;

        let process = caller.process;
        let context = process.get::<Context>(argument.context)?;
        let device = context.device().enter()?;
        // The host destroys the queue with the context, which must not happen before the queue is
        // in the table.
        let _pass = context.enter().map_err(without_context)?;

        // CAST: `usize` has at least 32 bits.
        if argument.priv_drv_data_size as usize > MAX_MESSAGE {
            return Err(EINVAL);
        }

        let sender = process.on_host()?;
        let made = device.active().call(
            sender,
            command::CreateHwQueue {
                context: context.handle(),
                flags: argument.flags,
                data_size: argument.priv_drv_data_size,
                data: |bytes: &mut [u8]| read_bytes(argument.priv_drv_data, bytes),
            },
        )?;
        let slots = [
            HandleSlot {
                handle: made.queue,
                parent: Some(context.handle()),
            },
            HandleSlot {
                handle: made.fence,
                parent: Some(made.queue),
            },
        ];
        let pending = process.reserve_handles(HandleSlot::with_fence(&slots), || {
            let destroy = || command::DestroyHwQueue::from(made.queue);
            let _ = device.active().tell(sender, destroy, WaitMode::Killable);
        });
        let pending = pending.map_err(without_context)?;
        let counted = process.driver_data().object_stats.count(Kind::HwQueue);
        let fence = FencePage::map(process, device.adapter(), made.fence_value)?;
        let address = fence.address();
        let queue = HwQueue::new(device.device().clone(), made.queue, fence, counted)?;

        write_field!(argument, Abi, queue, &made.queue)?;
        write_field!(argument, Abi, queue_progress_fence, &made.fence)?;
        write_field!(argument, Abi, queue_progress_fence_cpu_va, &address)?;
        write_field!(
            argument,
            Abi,
            queue_progress_fence_gpu_va,
            &made.fence_gpu_address
        )?;
        write_slice(argument.priv_drv_data, made.data.bytes())?;
        pending
            .publish([Object::HwQueue(queue), Object::Fence])
            .map_err(without_context)?;
        Ok(0)
    }
}

/// 0x1B: destroys a hardware queue.
struct DestroyHwQueue;

impl Ioctl for DestroyHwQueue {
    const REQUEST: u32 = 0xC004_471B;

    type Argument = abi::DestroyHwQueue;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let status = caller
            .process
            .remove::<HwQueue, _>(argument.queue, command::DestroyHwQueue::from)?;

        Ok(status.unwrap_or_default())
    }
}
