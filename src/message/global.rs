// SPDX-License-Identifier: GPL-2.0

//! Commands for the virtual machine as a whole: processes and the IO-space window.

use super::{
    encode,
    put,
    status_only,
    take,
    Command,
    Opcode, //
};
use crate::{
    transport::{
        Message,
        ReplyBuffer,
        UndoFn, //
    },
    wire::{
        Envelope,
        Handle,
        HostProcess,
        InterfaceVersion,
        NtStatus, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Size of a process name in UTF-16 units, with the terminating zero.
const NAME_UNITS: usize = 261;

/// Flag of a Linux process.
const LINUX_PROCESS: u8 = 1 << 3;

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct CreateProcessBody {
    cookie: u64,
    process_id: u64,
    name: [u16; NAME_UNITS],
    flags: u8,
    padding: [u8; 5],
}

static_assert!(size_of::<CreateProcessBody>() == 568 - 24);
static_assert!(core::mem::offset_of!(CreateProcessBody, flags) == 562 - 24);

/// Command CREATEPROCESS: creates a process on the host.
pub(crate) struct CreateProcess {
    /// Cookie that distinguishes the process from others; the host does not interpret it.
    pub(crate) cookie: u64,
    /// Process id in the initial pid namespace.
    pub(crate) process_id: u32,
    /// Name of the process, padded with zeros.
    pub(crate) name: [u8; 16],
}

impl CreateProcess {
    fn undo(reply: &[u8], envelope: Envelope, _guest: HostProcess) -> Result<Option<Message>> {
        match HostProcess::from_host(take::<Handle>(reply)?) {
            Some(process) => Ok(Some(encode(envelope, process, &mut DestroyProcess)?)),
            None => Ok(None),
        }
    }
}

impl Command for CreateProcess {
    const OPCODE: Opcode = Opcode::Global(1000);
    const UNDO: Option<UndoFn> = Some(Self::undo);

    type Reply = HostProcess;

    fn body_len(&self) -> usize {
        size_of::<CreateProcessBody>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let mut name = [0u16; NAME_UNITS];
        let visible = self.name.iter().take(self.name.len() - 1);

        for (unit, byte) in name.iter_mut().zip(visible) {
            *unit = u16::from(*byte);
        }
        put(
            body,
            &CreateProcessBody {
                cookie: self.cookie,
                process_id: self.process_id.into(),
                name,
                flags: LINUX_PROCESS,
                padding: [0; 5],
            },
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<Handle>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<HostProcess> {
        HostProcess::from_host(take(reply.bytes())?).ok_or(EINVAL)
    }
}

/// Command DESTROYPROCESS: destroys the process on whose behalf it is sent, with all its objects.
pub(crate) struct DestroyProcess;

impl Command for DestroyProcess {
    const OPCODE: Opcode = Opcode::Global(1001);

    /// The status, unchecked.
    type Reply = NtStatus;

    fn body_len(&self) -> usize {
        0
    }

    fn fill(&mut self, _body: &mut [u8]) -> Result {
        Ok(())
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        4
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<NtStatus> {
        take(reply.bytes())
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct SetIoSpaceRegionBody {
    start: u64,
    length: u64,
    shared_page_gpadl: u32,
    padding: u32,
}

static_assert!(size_of::<SetIoSpaceRegionBody>() == 48 - 24);

/// Command SETIOSPACEREGION: tells the host the window of guest physical addresses in which it may
/// map its memory.
pub(crate) struct SetIoSpaceRegion {
    /// Guest physical address of the window.
    pub(crate) start: u64,
    /// Size of the window in bytes.
    pub(crate) length: u64,
}

impl Command for SetIoSpaceRegion {
    const OPCODE: Opcode = Opcode::Global(1010);

    type Reply = isize;

    fn body_len(&self) -> usize {
        size_of::<SetIoSpaceRegionBody>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        put(
            body,
            &SetIoSpaceRegionBody {
                start: self.start,
                length: self.length,
                shared_page_gpadl: 0,
                padding: 0,
            },
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        4
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_global)]
mod tests {
    use super::*;
    use crate::wire::Luid;

    fn envelope(version: u32) -> Envelope {
        Envelope {
            version: InterfaceVersion::for_host(version),
            vgpu: Luid { a: 1, b: 2 },
        }
    }

    fn u32_at(bytes: &[u8], offset: usize) -> Result<u32> {
        super::super::take_at(bytes, offset)
    }

    #[test]
    fn create_process() -> Result {
        let mut command = CreateProcess {
            cookie: 0x1122_3344_5566_7788,
            process_id: 77,
            name: *b"abcdefghijklmnop",
        };
        let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 16 + 568);
        assert_eq!(u32_at(bytes, 0)?, 16);
        assert_eq!(u32_at(bytes, 8)?, 1);
        assert_eq!(u32_at(bytes, 12)?, 2);
        assert_eq!(u32_at(bytes, 16 + 8)?, 0);
        assert_eq!(u32_at(bytes, 16 + 12)?, 1);
        assert_eq!(u32_at(bytes, 16 + 16)?, 1000);
        assert_eq!(u32_at(bytes, 16 + 24)?, 0x5566_7788);
        assert_eq!(u32_at(bytes, 16 + 32)?, 77);
        assert_eq!(bytes[16 + 40], b'a');
        assert_eq!(bytes[16 + 41], 0);
        // 15 characters, and a zero even if the name has none.
        assert_eq!(bytes[16 + 40 + 28], b'o');
        assert_eq!(bytes[16 + 40 + 30], 0);
        assert_eq!(bytes[16 + 562], 8);
        Ok(())
    }

    #[test]
    fn old_hosts_get_no_extended_header() -> Result {
        let process = HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)?;
        let message = encode(envelope(39), process, &mut DestroyProcess)?;

        assert_eq!(message.bytes().len(), 24);
        assert_eq!(u32_at(message.bytes(), 8)?, 0x4000_0080);
        assert_eq!(u32_at(message.bytes(), 16)?, 1001);
        Ok(())
    }

    #[test]
    fn undo_of_create_process() -> Result {
        let undo = CreateProcess::UNDO.ok_or(EIO)?;

        assert!(undo(&[0; 4], envelope(40), HostProcess::GUEST)?.is_none());
        assert!(undo(&[0; 3], envelope(40), HostProcess::GUEST).is_err());

        let reply = 0x4000_0040u32.to_le_bytes();
        let message = undo(&reply, envelope(40), HostProcess::GUEST)?.ok_or(EIO)?;

        assert_eq!(message.bytes().len(), 16 + 24);
        assert_eq!(u32_at(message.bytes(), 16 + 8)?, 0x4000_0040);
        assert_eq!(u32_at(message.bytes(), 16 + 16)?, 1001);
        Ok(())
    }

    #[test]
    fn set_io_space_region() -> Result {
        let mut command = SetIoSpaceRegion {
            start: 0xF_0000_0000,
            length: 0x400_0000,
        };
        let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;

        assert_eq!(message.bytes().len(), 16 + 48);
        assert_eq!(u32_at(message.bytes(), 16 + 16)?, 1010);
        assert_eq!(u32_at(message.bytes(), 16 + 28)?, 0xF);
        assert_eq!(u32_at(message.bytes(), 16 + 32)?, 0x400_0000);
        Ok(())
    }
}
