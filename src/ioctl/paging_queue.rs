// SPDX-License-Identifier: GPL-2.0

//! Paging queues.

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
    message::paging_queue as command,
    objects::{
        fence_page::FencePage,
        object::Object,
        object_stats::Kind,
        paging_queue::PagingQueue,
        process::HandleSlot, //
    },
    uapi::paging_queue as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<CreatePagingQueue>(), entry::<DestroyPagingQueue>()];

/// 0x07: creates a paging queue on a device.
struct CreatePagingQueue;

impl Ioctl for CreatePagingQueue {
    const REQUEST: u32 = 0xC020_4707;

    type Argument = abi::CreatePagingQueue;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let device = process.device(argument.device)?;
        let sender = process.on_host()?;
        let made = device
            .active()
            .call(sender, command::CreatePagingQueue { request: *argument })?;
        let slots = [
            HandleSlot {
                handle: made.queue,
                parent: Some(device.handle()),
            },
            HandleSlot {
                handle: made.fence,
                parent: Some(made.queue),
            },
        ];
        let pending = process.reserve_handles(HandleSlot::with_fence(&slots), || {
            let destroy = || command::DestroyPagingQueue::from(made.queue);
            let _ = device.active().tell(sender, destroy, WaitMode::Killable);
        })?;
        let counted = process.driver_data().object_stats.count(Kind::PagingQueue);
        let fence = FencePage::map(process, device.adapter(), made.fence_value)?;
        let address = fence.address();
        let queue = PagingQueue::new(device.device().clone(), made.queue, fence, counted)?;

        write_field!(argument, abi::CreatePagingQueue, paging_queue, &made.queue)?;
        write_field!(argument, abi::CreatePagingQueue, sync_object, &made.fence)?;
        write_field!(
            argument,
            abi::CreatePagingQueue,
            fence_cpu_virtual_address,
            &address
        )?;
        pending.publish([Object::PagingQueue(queue), Object::Fence])?;
        Ok(0)
    }
}

/// 0x1C: destroys a paging queue.
struct DestroyPagingQueue;

impl Ioctl for DestroyPagingQueue {
    const REQUEST: u32 = 0xC004_471C;

    type Argument = abi::DestroyPagingQueue;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        caller
            .process
            .remove::<PagingQueue, _>(argument.paging_queue, command::DestroyPagingQueue::from)?;
        Ok(0)
    }
}
