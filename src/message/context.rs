// SPDX-License-Identifier: GPL-2.0

//! Commands that create and destroy contexts.

use super::{
    device::OneHandleBody,
    private_data::PrivateData,
    put,
    take_at,
    undo_by_handle_at,
    Command,
    FixedCommand,
    Opcode,
    COMMAND_HEADER, //
};
use crate::{
    transport::{
        ReplyBuffer,
        UndoFn, //
    },
    wire::{
        Handle,
        InterfaceVersion,
        NtStatus, //
    },
};
use core::mem::offset_of;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// The part before the private data, in the request and in the reply.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct CreateContextHead {
    context: Handle,
    device: Handle,
    node_ordinal: u32,
    engine_affinity: u32,
    flags: u32,
    client_hint: u32,
    priv_drv_data_size: u32,
}

static_assert!(size_of::<CreateContextHead>() == 52 - 24);

/// Bytes after the data. The message has the size of a structure with one byte of data, rounded up
/// to 4, plus the data.
const SLACK: usize = 3;

/// Command CREATECONTEXTVIRTUAL: creates a context. The private data goes in both directions.
pub(crate) struct CreateContext<F> {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Ordinal of the engine.
    pub(crate) node_ordinal: u32,
    /// Mask of the GPUs of a linked adapter.
    pub(crate) engine_affinity: u32,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// API the context is used for.
    pub(crate) client_hint: u32,
    /// Length of the private data in bytes.
    pub(crate) data_size: u32,
    /// Writes the private data.
    pub(crate) data: F,
}

/// Reply to [`CreateContext`].
pub(crate) struct CreatedContext {
    /// Handle of the new context.
    pub(crate) context: Handle,
    /// Private data, of the length that was sent.
    pub(crate) data: PrivateData,
}

impl<F> CreateContext<F> {
    /// Offset of the handle in the reply, which begins with a command header.
    const HANDLE: usize = COMMAND_HEADER + offset_of!(CreateContextHead, context);
}

impl<F: FnMut(&mut [u8]) -> Result> Command for CreateContext<F> {
    const OPCODE: Opcode = Opcode::Vgpu(6);
    const UNDO: Option<UndoFn> = Some(undo_by_handle_at::<DestroyContext, COMMAND_HEADER>);

    type Reply = CreatedContext;

    fn body_len(&self) -> usize {
        // CAST: `usize` has at least 32 bits.
        size_of::<CreateContextHead>() + self.data_size as usize + SLACK
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = CreateContextHead {
            context: Handle::NONE,
            device: self.device,
            node_ordinal: self.node_ordinal,
            engine_affinity: self.engine_affinity,
            flags: self.flags,
            client_hint: self.client_hint,
            priv_drv_data_size: self.data_size,
        };
        let end = body.len().checked_sub(SLACK).ok_or(EINVAL)?;

        put(body, &head)?;
        (self.data)(
            body.get_mut(size_of::<CreateContextHead>()..end)
                .ok_or(EINVAL)?,
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        COMMAND_HEADER + self.body_len()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<CreatedContext> {
        let context: Handle = take_at(reply.bytes(), Self::HANDLE)?;

        if context.is_none() {
            return Err(EINVAL);
        }
        Ok(CreatedContext {
            context,
            data: PrivateData::new(
                reply,
                COMMAND_HEADER + size_of::<CreateContextHead>(),
                self.data_size,
            )?,
        })
    }
}

// The undo message takes the handle from the start of the body.
static_assert!(offset_of!(CreateContextHead, context) == 0);

/// Command DESTROYCONTEXT: destroys a context with its hardware queues.
pub(crate) struct DestroyContext {
    /// Context to destroy.
    pub(crate) context: Handle,
}

impl From<Handle> for DestroyContext {
    fn from(context: Handle) -> Self {
        Self { context }
    }
}

impl FixedCommand for DestroyContext {
    const OPCODE: Opcode = Opcode::Vgpu(7);

    type Body = OneHandleBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> OneHandleBody {
        OneHandleBody {
            handle: self.context,
            padding: 0,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_context)]
mod tests {
    use super::*;
    use crate::{
        message::encode,
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
        wire::HostProcess, //
    };

    fn create(data_size: u32) -> CreateContext<impl FnMut(&mut [u8]) -> Result> {
        CreateContext {
            device: Handle::from_raw(0x4000_0040),
            node_ordinal: 1,
            engine_affinity: 2,
            flags: 3,
            client_hint: 4,
            data_size,
            data: |bytes: &mut [u8]| {
                bytes.fill(0xA5);
                Ok(())
            },
        }
    }

    #[test]
    fn create_context() -> Result {
        let message = encode(envelope(40), HostProcess::GUEST, &mut create(2))?;
        let bytes = &message.bytes()[16..];

        assert_eq!(bytes.len(), 57);
        assert_eq!(take_at::<u32>(bytes, 16)?, 6);
        for (at, value) in [0, 0x4000_0040, 1, 2, 3, 4, 2].iter().enumerate() {
            assert_eq!(take_at::<u32>(bytes, 24 + 4 * at)?, *value);
        }
        assert_eq!(bytes[52..], [0xA5, 0xA5, 0, 0, 0]);
        Ok(())
    }

    #[test]
    fn create_context_sizes() -> Result {
        for (version, size, length) in [
            (40, 0, 16 + 55),
            (40, 131_001, 131_072),
            (27, 0, 55),
            (27, 131_017, 131_072),
        ] {
            let message = encode(envelope(version), HostProcess::GUEST, &mut create(size))?;

            assert_eq!(message.bytes().len(), length);
            assert_eq!(
                create(size).reply_len(InterfaceVersion::CURRENT),
                55 + size as usize
            );
        }
        for (version, size) in [(40, 131_002), (40, u32::MAX), (27, 131_018)] {
            assert!(encode(envelope(version), HostProcess::GUEST, &mut create(size)).is_err());
        }
        Ok(())
    }

    #[test]
    fn created_context() -> Result {
        let rig = Rig::new()?;
        let ask = |handle: u8, length: usize| {
            let mut reply = [0xEE; 58];

            reply[24..28].copy_from_slice(&[handle, 0, 0, handle]);
            reply[52..55].copy_from_slice(&[1, 2, 3]);
            rig.host.then(Answer::reply(&reply[..length])?)?;
            rig.link(envelope(40))?
                .call(HostProcess::GUEST, create(3), LONG)
        };
        let made = ask(0x40, 58)?;

        assert_eq!(made.context.raw(), 0x4000_0040);
        assert_eq!(made.data.bytes(), [1, 2, 3]);
        assert_eq!(ask(0, 58).err().map(|error| error.to_errno()), Some(-22));
        assert_eq!(ask(0x40, 57).err().map(|error| error.to_errno()), Some(-75));
        Ok(())
    }

    fn undo_fn<M: Command>(_: &M) -> Option<UndoFn> {
        M::UNDO
    }

    #[test]
    fn undo_of_create_context() -> Result {
        let process = HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)?;
        let undo = undo_fn(&create(0)).ok_or(EIO)?;
        let mut reply = [0; 55];

        assert!(undo(&reply, envelope(40), process)?.is_none());
        assert!(undo(&reply[..27], envelope(40), process).is_err());
        reply[24..28].copy_from_slice(&[0x40, 0, 0, 0x40]);

        let message = undo(&reply, envelope(40), process)?.ok_or(EIO)?;
        let bytes = &message.bytes()[16..];

        assert_eq!(bytes.len(), 32);
        assert_eq!(take_at::<u32>(bytes, 8)?, 0x4000_0080);
        assert_eq!(take_at::<u32>(bytes, 16)?, 7);
        assert_eq!(take_at::<u32>(bytes, 24)?, 0x4000_0040);
        Ok(())
    }
}
