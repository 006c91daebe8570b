// SPDX-License-Identifier: GPL-2.0

//! Contexts.

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
    message::context as command,
    objects::{
        context::Context,
        object::Object,
        object_stats::Kind,
        process::HandleSlot, //
    },
    transport::MAX_MESSAGE,
    uapi::context as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<CreateContextVirtual>(), entry::<DestroyContext>()];

/// Converts errors as the ABI defines them for CreateContextVirtual: private data that cannot be
/// read, and a reply of the host without a context, are invalid arguments.
fn as_refusal(error: Error) -> Error {
    if error == EFAULT || error == EOVERFLOW {
        EINVAL
    } else {
        error
    }
}

/// 0x04: creates a context on a device.
struct CreateContextVirtual;

impl Ioctl for CreateContextVirtual {
    const REQUEST: u32 = 0xC028_4704;

    type Argument = abi::CreateContextVirtual;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        let device = process.device(argument.device)?;

        // CAST: `usize` has at least 32 bits.
        if argument.priv_drv_data_size as usize > MAX_MESSAGE {
            return Err(EINVAL);
        }

        let sender = process.on_host()?;
        let made = device
            .active()
            .call(
                sender,
                command::CreateContext {
                    device: device.handle(),
                    node_ordinal: argument.node_ordinal,
                    engine_affinity: argument.engine_affinity,
                    flags: argument.flags,
                    client_hint: argument.client_hint,
                    data_size: argument.priv_drv_data_size,
                    data: |bytes: &mut [u8]| read_bytes(argument.priv_drv_data, bytes),
                },
            )
            .map_err(as_refusal)?;
        let slot = HandleSlot {
            handle: made.context,
            parent: Some(device.handle()),
        };
        let pending = process.reserve_handles(&[slot], || {
            let destroy = || command::DestroyContext::from(made.context);
            let _ = device.active().tell(sender, destroy, WaitMode::Killable);
        })?;
        let counted = process.driver_data().object_stats.count(Kind::Context);
        let context = Context::new(device.device().clone(), made.context, counted)?;

        write_slice(argument.priv_drv_data, made.data.bytes())?;
        write_field!(argument, abi::CreateContextVirtual, context, &made.context)?;
        pending.publish([Object::Context(context)])?;
        Ok(0)
    }
}

/// 0x05: destroys a context with its hardware queues.
struct DestroyContext;

impl Ioctl for DestroyContext {
    const REQUEST: u32 = 0xC004_4705;

    type Argument = abi::DestroyContext;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let status = caller
            .process
            .remove::<Context, _>(argument.context, command::DestroyContext::from)?;

        Ok(status.unwrap_or_default())
    }
}
