// SPDX-License-Identifier: GPL-2.0

//! Commands that create, open and destroy sync objects.

use super::{
    device::OneHandleBody,
    fence_storage::value_address,
    take_at,
    undo_by_handle,
    FixedCommand,
    Message,
    Opcode, //
};
use crate::{
    transport::UndoFn,
    uapi::sync_object as abi,
    wire::{
        Envelope,
        Handle,
        HostProcess,
        NtStatus, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreateSyncObjectBody {
    args: abi::CreateSynchronizationObject2,
    client_hint: u32,
    padding: u32,
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreateSyncObjectAnswer {
    sync_object: Handle,
    global_sync_object: Handle,
    fence_gpu_va: u64,
    fence_storage_address: u64,
    fence_storage_offset: u32,
    padding: u32,
}

static_assert!(size_of::<CreateSyncObjectBody>() == 128 - 24);
static_assert!(core::mem::offset_of!(CreateSyncObjectBody, client_hint) == 120 - 24);
static_assert!(size_of::<CreateSyncObjectAnswer>() == 32);

/// Command CREATESYNCOBJECT: creates a sync object.
pub(crate) struct CreateSyncObject {
    /// The user's argument, including the previous contents of its output fields, with a guest
    /// event in place of an eventfd.
    pub(crate) request: abi::CreateSynchronizationObject2,
}

/// A sync object that the host has created or opened.
#[derive(Debug)]
pub(crate) struct NewSyncObject {
    /// Handle of the object in this process.
    pub(crate) handle: Handle,
    /// Handle of a shared object in all processes, when it was created; else no handle.
    pub(crate) global: Handle,
    /// GPU virtual address of the value of a monitored fence.
    pub(crate) gpu_address: u64,
    /// Guest physical address of the value of a monitored fence.
    pub(crate) page: u64,
}

impl CreateSyncObject {
    /// Client hint: the caller is a user-mode driver of the virtual machine.
    const CLIENT_HINT: u32 = 1;
}

impl FixedCommand for CreateSyncObject {
    const OPCODE: Opcode = Opcode::Vgpu(8);
    const UNDO: Option<UndoFn> = Some(undo_by_handle::<DestroySyncObject>);
    const UNDO_IS_GLOBAL: bool = true;

    type Body = CreateSyncObjectBody;
    type ReplyBody = CreateSyncObjectAnswer;
    type Reply = NewSyncObject;

    fn body(&self) -> CreateSyncObjectBody {
        CreateSyncObjectBody {
            args: self.request,
            client_hint: Self::CLIENT_HINT,
            padding: 0,
        }
    }

    fn reply(&self, answer: CreateSyncObjectAnswer) -> Result<NewSyncObject> {
        if answer.sync_object.is_none() {
            return Err(EINVAL);
        }
        Ok(NewSyncObject {
            handle: answer.sync_object,
            global: answer.global_sync_object,
            gpu_address: answer.fence_gpu_va,
            page: value_address(
                answer.fence_storage_address,
                answer.fence_storage_offset.into(),
            ),
        })
    }
}

/// Command DESTROYSYNCOBJECT: destroys a sync object.
pub(crate) struct DestroySyncObject {
    /// Sync object to destroy.
    pub(crate) sync_object: Handle,
}

impl From<Handle> for DestroySyncObject {
    fn from(sync_object: Handle) -> Self {
        Self { sync_object }
    }
}

impl FixedCommand for DestroySyncObject {
    const OPCODE: Opcode = Opcode::Global(1003);

    type Body = OneHandleBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> OneHandleBody {
        OneHandleBody {
            handle: self.sync_object,
            padding: 0,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct OpenSyncObjectBody {
    device: Handle,
    global_sync_object: Handle,
    engine_affinity: u32,
    flags: u32,
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct OpenSyncObjectAnswer {
    sync_object: Handle,
    status: NtStatus,
    gpu_virtual_address: u64,
    guest_cpu_physical_address: u64,
}

static_assert!(size_of::<OpenSyncObjectBody>() == 40 - 24);
static_assert!(size_of::<OpenSyncObjectAnswer>() == 24);

/// Command OPENSYNCOBJECT: opens a shared sync object, in any process.
pub(crate) struct OpenSyncObject {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Handle of the object in all processes.
    pub(crate) global: Handle,
    /// Mask of the GPUs of a linked adapter, for monitored fences.
    pub(crate) engine_affinity: u32,
    /// Flags that restrict the new handle.
    pub(crate) flags: u32,
}

/// Makes the message that closes an opened object, unless opening has failed.
fn close_opened(reply: &[u8], envelope: Envelope, process: HostProcess) -> Result<Option<Message>> {
    let status = take_at::<NtStatus>(reply, core::mem::offset_of!(OpenSyncObjectAnswer, status))?;

    if status.into_result().is_err() {
        return Ok(None);
    }
    undo_by_handle::<DestroySyncObject>(reply, envelope, process)
}

impl FixedCommand for OpenSyncObject {
    const OPCODE: Opcode = Opcode::Global(1002);
    const UNDO: Option<UndoFn> = Some(close_opened);

    type Body = OpenSyncObjectBody;
    type ReplyBody = OpenSyncObjectAnswer;
    type Reply = NewSyncObject;

    fn body(&self) -> OpenSyncObjectBody {
        OpenSyncObjectBody {
            device: self.device,
            global_sync_object: self.global,
            engine_affinity: self.engine_affinity,
            flags: self.flags,
        }
    }

    fn reply(&self, answer: OpenSyncObjectAnswer) -> Result<NewSyncObject> {
        answer.status.into_result()?;
        if answer.sync_object.is_none() {
            return Err(EINVAL);
        }
        Ok(NewSyncObject {
            handle: answer.sync_object,
            global: Handle::NONE,
            gpu_address: answer.gpu_virtual_address,
            page: answer.guest_cpu_physical_address,
        })
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_sync_object)]
mod tests {
    use super::*;
    use crate::{
        linux::wait::WaitMode,
        message::{
            encode,
            Command,
            Sender,
            EXTENDED_HEADER, //
        },
        transport::{
            mock::{
                envelope,
                Answer,
                Rig, //
            },
            Account, //
        },
    };
    use zerocopy::FromZeros;

    /// Makes a reply of 32-bit words.
    fn bytes<const WORDS: usize>(words: [u32; WORDS]) -> Result<KVVec<u8>> {
        let mut bytes = KVVec::new();

        for word in words {
            bytes.extend_from_slice(&word.to_le_bytes(), GFP_KERNEL)?;
        }
        Ok(bytes)
    }

    fn process() -> Result<HostProcess> {
        HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)
    }

    #[test]
    fn create() -> Result {
        let mut request = abi::CreateSynchronizationObject2::new_zeroed();

        for (byte, value) in request.as_mut_bytes().iter_mut().zip(1..) {
            *byte = value;
        }
        request.device = Handle::from_raw(0x4000_0040);
        request.info.r#type = 5;
        request.info.flags = 3;

        let mut command = CreateSyncObject { request };

        for version in [39, 40] {
            let message = encode(envelope(version), process()?, &mut command)?;
            let start = if version < 40 { 0 } else { EXTENDED_HEADER };
            let bytes = &message.bytes()[start..];

            assert_eq!(bytes.len(), 128);
            assert_eq!(bytes[12..20], [0, 0, 0, 0, 8, 0, 0, 0]);
            assert_eq!(
                bytes[24..40],
                [0x40, 0, 0, 0x40, 5, 6, 7, 8, 5, 0, 0, 0, 3, 0, 0, 0]
            );
            // The details and the output fields are sent as the user has left them.
            for (at, byte) in bytes[40..120].iter().enumerate() {
                // CAST: There are 96.
                assert_eq!(*byte, 17 + at as u8);
            }
            assert_eq!(bytes[120..], [1, 0, 0, 0, 0, 0, 0, 0]);
        }
        Ok(())
    }

    #[test]
    fn create_reply() -> Result {
        let command = CreateSyncObject {
            request: abi::CreateSynchronizationObject2::new_zeroed(),
        };
        let parsed = |words: [u32; 8]| {
            let answer = super::super::take::<CreateSyncObjectAnswer>(&bytes(words)?)?;

            command.reply(answer)
        };
        let made = parsed([0x4000_0040, 0x4000_0080, 1, 2, 3, 4, 5, 6])?;

        assert_eq!(made.handle.raw(), 0x4000_0040);
        assert_eq!(made.global.raw(), 0x4000_0080);
        assert_eq!(made.gpu_address, 0x2_0000_0001);
        assert_eq!(made.page, 0x4_0000_0003);
        assert_eq!(parsed([0, 1, 1, 2, 3, 4, 5, 6]).err(), Some(EINVAL));
        Ok(())
    }

    #[test]
    fn late_reply_is_undone_over_the_global_channel() -> Result {
        let (vgpu, global) = (Rig::new()?, Rig::new()?);
        let host = global.link(envelope(40))?;
        let way = host.global_link();
        let account = Account::new()?;
        let link = vgpu.link(envelope(39))?;
        let command = CreateSyncObject {
            request: abi::CreateSynchronizationObject2::new_zeroed(),
        };
        let sender = Sender::new(process()?, &account, &way);
        let result = link.call(sender, command, WaitMode::Timeout(20));

        assert_eq!(result.err(), Some(ETIMEDOUT));
        global.host.then(Answer::reply(&[0; 8])?)?;
        vgpu.host.complete(
            vgpu.host.id(0)?,
            &bytes([0x4000_0040, 0, 0, 0, 0, 0, 0, 0])?,
        );
        vgpu.queue.drain();
        assert_eq!(vgpu.host.sent_count(), 1);
        assert_eq!(global.host.sent_count(), 1);

        let message = global.host.message(0)?;

        // The message is wrapped like all messages of the global channel.
        assert_eq!(message.len(), EXTENDED_HEADER + 32);
        assert_eq!(message[EXTENDED_HEADER + 16..][..4], 1003u32.to_le_bytes());
        Ok(())
    }

    #[test]
    fn undo_destroys_on_the_global_channel() -> Result {
        let undo = <CreateSyncObject as Command>::UNDO.ok_or(EIO)?;

        assert!(undo(&[0; 32], envelope(40), process()?)?.is_none());
        assert!(undo(&[0; 3], envelope(40), process()?).is_err());

        let message = undo(&[0x40, 0, 0, 0x40], envelope(39), process()?)?.ok_or(EIO)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 32);
        assert_eq!(bytes[8..16], [0x80, 0, 0, 0x40, 1, 0, 0, 0]);
        assert_eq!(bytes[16..20], 1003u32.to_le_bytes());
        assert_eq!(bytes[24..], [0x40, 0, 0, 0x40, 0, 0, 0, 0]);
        Ok(())
    }

    #[test]
    fn open() -> Result {
        let mut command = OpenSyncObject {
            device: Handle::from_raw(1),
            global: Handle::from_raw(2),
            engine_affinity: 3,
            flags: 0x13,
        };
        let message = encode(envelope(39), process()?, &mut command)?;

        assert_eq!(
            message.bytes()[24..],
            [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0x13, 0, 0, 0]
        );
        Ok(())
    }

    #[test]
    fn open_reply() -> Result {
        let command = OpenSyncObject {
            device: Handle::NONE,
            global: Handle::NONE,
            engine_affinity: 0,
            flags: 0,
        };
        let undo = <OpenSyncObject as Command>::UNDO.ok_or(EIO)?;
        let parsed = |words: [u32; 6]| {
            let answer = super::super::take::<OpenSyncObjectAnswer>(&bytes(words)?)?;

            command.reply(answer)
        };
        let opened = parsed([0x4000_0040, 0x103, 1, 2, 3, 4])?;

        // Any success code is accepted.
        assert_eq!(opened.handle.raw(), 0x4000_0040);
        assert_eq!(opened.gpu_address, 0x2_0000_0001);
        assert_eq!(opened.page, 0x4_0000_0003);

        let refused = [0x4000_0040, 0xC000_000D, 1, 2, 3, 4];

        assert_eq!(parsed(refused).err(), Some(EINVAL));
        assert_eq!(parsed([0; 6]).err(), Some(EINVAL));
        assert!(undo(&bytes(refused)?, envelope(40), process()?)?.is_none());
        assert!(undo(&bytes([0; 6])?, envelope(40), process()?)?.is_none());
        assert!(undo(&bytes([1, 0])?, envelope(40), process()?)?.is_some());
        assert!(undo(&[1, 0, 0, 0, 0, 0, 0], envelope(40), process()?).is_err());
        Ok(())
    }
}
