// SPDX-License-Identifier: GPL-2.0

//! Commands for devices.

use super::{
    undo_by_handle,
    FixedCommand,
    Opcode, //
};
use crate::{
    transport::UndoFn,
    wire::{
        Handle,
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
pub(crate) struct CreateDeviceBody {
    flags: u32,
    cdd_device: u8,
    padding: [u8; 3],
    cookie: u64,
}

static_assert!(size_of::<CreateDeviceBody>() == 40 - 24);

/// Command CREATEDEVICE: creates a device on the adapter. The reply is its handle.
pub(crate) struct CreateDevice {
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// Cookie that the host sends back when the execution state of the device changes.
    pub(crate) cookie: u64,
}

impl FixedCommand for CreateDevice {
    const OPCODE: Opcode = Opcode::Vgpu(0);
    const UNDO: Option<UndoFn> = Some(undo_by_handle::<DestroyDevice>);

    type Body = CreateDeviceBody;
    type ReplyBody = Handle;
    type Reply = Handle;

    fn body(&self) -> CreateDeviceBody {
        CreateDeviceBody {
            flags: self.flags,
            cdd_device: 0,
            padding: [0; 3],
            cookie: self.cookie,
        }
    }

    fn reply(&self, device: Handle) -> Result<Handle> {
        if device.is_none() {
            return Err(EINVAL);
        }
        Ok(device)
    }
}

/// The body of commands that consist of the handle of one object.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct OneHandleBody {
    pub(crate) handle: Handle,
    pub(crate) padding: u32,
}

static_assert!(size_of::<OneHandleBody>() == 32 - 24);

/// Command DESTROYDEVICE: destroys a device with all its objects.
pub(crate) struct DestroyDevice {
    /// Device to destroy.
    pub(crate) device: Handle,
}

impl From<Handle> for DestroyDevice {
    fn from(device: Handle) -> Self {
        Self { device }
    }
}

impl FixedCommand for DestroyDevice {
    const OPCODE: Opcode = Opcode::Vgpu(1);

    type Body = OneHandleBody;
    type ReplyBody = NtStatus;
    /// The status, unchecked: a reply with any status shows that the host has processed the
    /// command.
    type Reply = NtStatus;

    fn body(&self) -> OneHandleBody {
        OneHandleBody {
            handle: self.device,
            padding: 0,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<NtStatus> {
        Ok(status)
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct FlushDeviceBody {
    device: Handle,
    reason: u32,
}

static_assert!(size_of::<FlushDeviceBody>() == 32 - 24);

/// Command FLUSHDEVICE: waits until all work of a device is done.
pub(crate) struct FlushDevice {
    /// Device to flush.
    pub(crate) device: Handle,
}

impl FlushDevice {
    /// Reason: the device is about to be destroyed.
    const DEVICE_TERMINATE: u32 = 4;
}

impl FixedCommand for FlushDevice {
    const OPCODE: Opcode = Opcode::Vgpu(42);

    type Body = FlushDeviceBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> FlushDeviceBody {
        FlushDeviceBody {
            device: self.device,
            reason: Self::DEVICE_TERMINATE,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_device)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            Command, //
        },
        transport::mock::envelope,
        wire::HostProcess, //
    };

    #[test]
    fn create_device() -> Result {
        let mut command = CreateDevice {
            flags: 0xF,
            cookie: 0x0102_0304_0506_0708,
        };
        let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 16 + 40);
        assert_eq!(bytes[16 + 16..16 + 20], [0, 0, 0, 0]);
        assert_eq!(bytes[16 + 24..16 + 32], [0xF, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[16 + 32..], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert!(command.reply(Handle::NONE).is_err());
        Ok(())
    }

    #[test]
    fn undo_of_create_device() -> Result {
        let process = HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)?;
        let undo = <CreateDevice as Command>::UNDO.ok_or(EIO)?;

        assert!(undo(&[0; 4], envelope(40), process)?.is_none());
        assert!(undo(&[0; 3], envelope(40), process).is_err());

        let message = undo(&[0x40, 0, 0, 0x40], envelope(39), process)?.ok_or(EIO)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 32);
        assert_eq!(bytes[8..12], [0x80, 0, 0, 0x40]);
        assert_eq!(bytes[16..20], [1, 0, 0, 0]);
        assert_eq!(bytes[24..28], [0x40, 0, 0, 0x40]);
        Ok(())
    }
}
