// SPDX-License-Identifier: GPL-2.0

//! Commands for objects that several processes share.

use super::{
    device::OneHandleBody,
    undo_by_handle,
    FixedCommand,
    Opcode, //
};
use crate::{
    linux::errno,
    transport::UndoFn,
    wire::{
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

/// Command CREATENTSHAREDOBJECT: creates an NT handle of a shared object.
pub(crate) struct CreateNtSharedObject {
    /// The process's handle of the object.
    pub(crate) object: Handle,
}

impl FixedCommand for CreateNtSharedObject {
    const OPCODE: Opcode = Opcode::Global(1004);
    // NT handles belong to the virtual machine, not to a process.
    const UNDO: Option<UndoFn> = Some(|reply, envelope, _process| {
        undo_by_handle::<DestroyNtSharedObject>(reply, envelope, HostProcess::GUEST)
    });

    type Body = OneHandleBody;
    type ReplyBody = Handle;
    type Reply = Handle;

    fn body(&self) -> OneHandleBody {
        OneHandleBody {
            handle: self.object,
            padding: 0,
        }
    }

    fn reply(&self, handle: Handle) -> Result<Handle> {
        if handle.is_none() {
            return Err(errno::enotrecoverable());
        }
        Ok(handle)
    }
}

/// Command DESTROYNTSHAREDOBJECT: destroys an NT handle. Sent on behalf of the guest, since the
/// process that created the handle may have ended.
pub(crate) struct DestroyNtSharedObject {
    /// NT handle to destroy.
    pub(crate) shared_object: Handle,
}

impl From<Handle> for DestroyNtSharedObject {
    fn from(shared_object: Handle) -> Self {
        Self { shared_object }
    }
}

impl FixedCommand for DestroyNtSharedObject {
    const OPCODE: Opcode = Opcode::Global(1005);

    type Body = OneHandleBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> OneHandleBody {
        OneHandleBody {
            handle: self.shared_object,
            padding: 0,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ShareObjectWithHostBody {
    device: Handle,
    object: Handle,
    reserved: u64,
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ShareObjectWithHostAnswer {
    status: NtStatus,
    alignment: u32,
    vail_nt_handle: u64,
}

static_assert!(size_of::<ShareObjectWithHostBody>() == 40 - 24);
static_assert!(size_of::<ShareObjectWithHostAnswer>() == 16);

/// Command SHAREOBJECTWITHHOST: creates an NT handle of an object for programs of the host.
pub(crate) struct ShareObjectWithHost {
    /// Device of the process.
    pub(crate) device: Handle,
    /// The process's handle of the object.
    pub(crate) object: Handle,
}

impl FixedCommand for ShareObjectWithHost {
    const OPCODE: Opcode = Opcode::Global(1021);

    type Body = ShareObjectWithHostBody;
    type ReplyBody = ShareObjectWithHostAnswer;
    /// NT handle on the host, which the guest cannot use.
    type Reply = u64;

    fn body(&self) -> ShareObjectWithHostBody {
        ShareObjectWithHostBody {
            device: self.device,
            object: self.object,
            reserved: 0,
        }
    }

    fn reply(&self, answer: ShareObjectWithHostAnswer) -> Result<u64> {
        answer.status.into_result()?;
        Ok(answer.vail_nt_handle)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_share)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            Command, //
        },
        transport::mock::envelope, //
    };

    #[test]
    fn create() -> Result {
        let process = HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)?;
        let object = Handle::from_raw(0x4000_0040);
        let mut command = CreateNtSharedObject { object };
        let message = encode(envelope(39), process, &mut command)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 32);
        assert_eq!(bytes[8..16], [0x80, 0, 0, 0x40, 1, 0, 0, 0]);
        assert_eq!(bytes[16..20], 1004u32.to_le_bytes());
        assert_eq!(bytes[24..], [0x40, 0, 0, 0x40, 0, 0, 0, 0]);
        assert!(command.reply(object).is_ok());
        assert_eq!(
            command
                .reply(Handle::NONE)
                .map_err(|error| error.to_errno()),
            Err(-131)
        );
        Ok(())
    }

    #[test]
    fn undo_is_nobody_s() -> Result {
        let process = HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)?;
        let undo = <CreateNtSharedObject as Command>::UNDO.ok_or(EIO)?;

        assert!(undo(&[0; 4], envelope(40), process)?.is_none());

        let message = undo(&[1, 2, 3, 4], envelope(39), process)?.ok_or(EIO)?;
        let bytes = message.bytes();

        assert_eq!(bytes[8..12], [0; 4]);
        assert_eq!(bytes[16..20], 1005u32.to_le_bytes());
        assert_eq!(bytes[24..], [1, 2, 3, 4, 0, 0, 0, 0]);
        Ok(())
    }

    #[test]
    fn share_with_host() -> Result {
        let process = HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)?;
        let mut command = ShareObjectWithHost {
            device: Handle::from_raw(0x4000_0040),
            object: Handle::from_raw(0x4000_00C0),
        };
        let message = encode(envelope(39), process, &mut command)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 40);
        assert_eq!(bytes[16..20], 1021u32.to_le_bytes());
        assert_eq!(bytes[24..32], [0x40, 0, 0, 0x40, 0xC0, 0, 0, 0x40]);
        assert_eq!(bytes[32..], [0; 8]);

        let answer = |status| ShareObjectWithHostAnswer {
            status: NtStatus::from_raw(status),
            alignment: 0,
            vail_nt_handle: u64::MAX,
        };

        assert_eq!(command.reply(answer(0)), Ok(u64::MAX));
        assert_eq!(command.reply(answer(0xC000_0022)), Err(EACCES));
        Ok(())
    }
}
