// SPDX-License-Identifier: GPL-2.0
//! ESCAPE: messages of the user-mode driver to the driver of the host.
//!
//! The driver of this host has nothing private to say: it hands back what it gets. It builds test
//! command buffers, though: a buffer of `D` bytes holds the 72 bytes of the command over and over,
//! and one of `Q` bytes for the driver itself counts up from the first byte of the command.

use zerocopy::{FromBytes, IntoBytes};

use super::super::super::call::{broken, Call, Fail, Reply};
use super::super::super::shared::Shared;
use crate::device::Device;
use crate::handles::Handle;
use crate::queues::Context;
use crate::status::NtStatus;
use crate::wire::{BuildTestCommandBuffer, Escape};

impl Shared {
    pub(super) fn escape(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: Escape = call.read();
        self.check_adapter(position, request.adapter.get())?;
        // CAST: u32 to usize, on a 64-bit host.
        let size = request.priv_drv_data_size.get() as usize;
        let data = call.bytes(Escape::DATA_OFFSET, size)?;
        let (device, context) = (request.device.get(), request.context.get());
        self.check_escaping(position, call, Handle(device), Handle(context))?;
        let flags = request.flags.get();
        if flags & !Escape::FLAGS != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        if request.r#type.get() != Escape::DRIVER_PRIVATE {
            // The others are for the kernel of Windows.
            return Err(NtStatus::NOT_SUPPORTED.into());
        }
        let known = flags & Escape::KNOWN != 0;
        if self.adapters[position].description.secure && !known {
            // Nobody knows what the vendor's driver would do with it.
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        if known && data.starts_with(&BuildTestCommandBuffer::NUMBER.to_le_bytes()) {
            return self.test_command_buffer(position, call, data);
        }
        Ok(data.to_vec())
    }

    /// Checks that the device and the context that a user may name are the user's, and that the device
    /// is there if the context is, and owns it.
    fn check_escaping(
        &mut self,
        position: usize,
        call: &Call<'_>,
        device: Handle,
        context: Handle,
    ) -> Result<(), Fail> {
        let objects = &self.process(call)?.objects;
        if device.0 != 0 {
            objects.named::<Device>(position, device)?;
        }
        if context.0 != 0 {
            objects.named::<Context>(position, context)?;
            let parent = objects.get(context).and_then(|object| object.parent);
            if parent != Some(device) {
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
        }
        Ok(())
    }

    fn test_command_buffer(&mut self, position: usize, call: &Call<'_>, data: &[u8]) -> Reply {
        let Ok((request, _)) = BuildTestCommandBuffer::read_from_prefix(data) else {
            return broken(format!("a test command buffer in {} bytes", data.len()));
        };
        let (dma, private) = (
            request.dma_buffer_size.get(),
            request.dma_buffer_priv_data_size.get(),
        );
        let sizes = BuildTestCommandBuffer::BUFFER_MIN..=BuildTestCommandBuffer::BUFFER_MAX;
        // CAST: u32 to usize, on a 64-bit host.
        let len = size_of::<BuildTestCommandBuffer>() + dma as usize + private as usize;
        if !sizes.contains(&dma) || private > BuildTestCommandBuffer::PRIVATE_MAX {
            return broken(format!("test command buffers of {dma} and {private} bytes"));
        }
        if data.len() < len {
            return broken(format!("{} bytes of data, {len} are needed", data.len()));
        }
        let (device, context) = (request.device.get(), request.context.get());
        self.check_escaping(position, call, Handle(device), Handle(context))?;
        let mut reply = request.as_bytes().to_vec();
        // CAST: at most BuildTestCommandBuffer::BUFFER_MAX.
        reply.extend(request.command.iter().cycle().take(dma as usize));
        let mut next = request.command[0];
        for _ in 0..private {
            reply.push(next);
            next = next.wrapping_add(1);
        }
        reply.resize(data.len(), 0);
        Ok(reply)
    }
}
