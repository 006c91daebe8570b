// SPDX-License-Identifier: GPL-2.0

//! Commands that open, close and describe a vGPU.

use super::{
    put,
    take_at,
    Command,
    Opcode, //
};
use crate::{
    transport::ReplyBuffer,
    wire::{
        Handle,
        InterfaceVersion,
        Luid,
        NtStatus, //
    },
};
use core::mem::offset_of;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct OpenAdapterBody {
    version: u32,
    last_compatible_version: u32,
    guest_adapter_luid: Luid,
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct OpenAdapterReply {
    host_adapter: Handle,
    status: NtStatus,
    version: u32,
    last_compatible_version: u32,
}

static_assert!(size_of::<OpenAdapterBody>() == 40 - 24);
static_assert!(size_of::<OpenAdapterReply>() == 16);

/// Command OPENADAPTER: opens the vGPU. The reply is the host's handle of the adapter.
pub(crate) struct OpenAdapter {
    /// Protocol version to use.
    pub(crate) version: InterfaceVersion,
}

impl Command for OpenAdapter {
    const OPCODE: Opcode = Opcode::Vgpu(14);

    type Reply = Handle;

    fn body_len(&self) -> usize {
        size_of::<OpenAdapterBody>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        put(
            body,
            &OpenAdapterBody {
                version: self.version.number(),
                last_compatible_version: InterfaceVersion::OLDEST.number(),
                guest_adapter_luid: Luid::default(),
            },
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<OpenAdapterReply>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<Handle> {
        let reply: OpenAdapterReply = take_at(reply.bytes(), 0)?;

        reply.status.into_result()?;
        if reply.host_adapter.is_none() {
            return Err(EINVAL);
        }
        Ok(reply.host_adapter)
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct AdapterBody {
    host_adapter: Handle,
    padding: u32,
}

static_assert!(size_of::<AdapterBody>() == 32 - 24);

/// Command CLOSEADAPTER: closes the vGPU.
pub(crate) struct CloseAdapter {
    /// The host's handle of the adapter.
    pub(crate) host_adapter: Handle,
}

impl Command for CloseAdapter {
    const OPCODE: Opcode = Opcode::Vgpu(15);

    type Reply = ();

    fn body_len(&self) -> usize {
        size_of::<AdapterBody>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        put(
            body,
            &AdapterBody {
                host_adapter: self.host_adapter,
                padding: 0,
            },
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        0
    }

    fn parse(&self, _version: InterfaceVersion, _reply: ReplyBuffer) -> Result {
        Ok(())
    }
}

/// The reply to GETINTERNALADAPTERINFO before version 40.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct InternalAdapterInfo {
    device_types: u32,
    driver_store_copy_mode: u32,
    driver_ddi_version: u32,
    flags: u32,
    host_adapter_luid: Luid,
    device_description: [u16; 80],
    device_instance_id: [u16; 260],
}

/// The reply since version 40.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct ExtendedInternalAdapterInfo {
    info: InternalAdapterInfo,
    host_vgpu_luid: Luid,
}

static_assert!(size_of::<InternalAdapterInfo>() == 704);
static_assert!(size_of::<ExtendedInternalAdapterInfo>() == 712);

/// Flag of the reply: asynchronous mode is on.
const ASYNC_MSG_ENABLED: u32 = 1 << 6;

/// Command GETINTERNALADAPTERINFO: returns properties of the vGPU.
pub(crate) struct GetInternalAdapterInfo;

/// The properties of a vGPU that the driver uses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AdapterInfo {
    /// Whether the messages of the vGPU travel over the global channel.
    pub(crate) over_global_channel: bool,
    /// The host's LUID of the adapter.
    pub(crate) host_luid: Luid,
    /// The host's LUID of the vGPU; `None` if the host is too old to report it.
    pub(crate) vgpu_luid: Option<Luid>,
}

impl Command for GetInternalAdapterInfo {
    const OPCODE: Opcode = Opcode::Vgpu(36);

    type Reply = AdapterInfo;

    fn body_len(&self) -> usize {
        0
    }

    fn fill(&mut self, _body: &mut [u8]) -> Result {
        Ok(())
    }

    fn reply_len(&self, version: InterfaceVersion) -> usize {
        if version.is_extended() {
            size_of::<ExtendedInternalAdapterInfo>()
        } else {
            size_of::<InternalAdapterInfo>()
        }
    }

    fn parse(&self, version: InterfaceVersion, reply: ReplyBuffer) -> Result<AdapterInfo> {
        let host_luid = take_at(
            reply.bytes(),
            offset_of!(InternalAdapterInfo, host_adapter_luid),
        )?;

        if !version.is_extended() {
            // Without the extended header a message on the global channel cannot name its vGPU.
            return Ok(AdapterInfo {
                over_global_channel: false,
                host_luid,
                vgpu_luid: None,
            });
        }

        let flags: u32 = take_at(reply.bytes(), offset_of!(InternalAdapterInfo, flags))?;
        let luid = take_at(
            reply.bytes(),
            offset_of!(ExtendedInternalAdapterInfo, host_vgpu_luid),
        )?;

        Ok(AdapterInfo {
            over_global_channel: flags & ASYNC_MSG_ENABLED != 0,
            host_luid,
            vgpu_luid: Some(luid),
        })
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_adapter)]
mod tests {
    use super::*;
    use crate::{
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
        wire::HostProcess, //
    };

    #[test]
    fn open_adapter() -> Result {
        let rig = Rig::new()?;
        let open = |handle: u32, status: u32| {
            let mut reply = [0; 16];

            reply[..4].copy_from_slice(&handle.to_le_bytes());
            reply[4..8].copy_from_slice(&status.to_le_bytes());
            rig.host.then(Answer::reply(&reply)?)?;
            rig.link(envelope(40))?.call(
                HostProcess::GUEST,
                OpenAdapter {
                    version: InterfaceVersion::CURRENT,
                },
                LONG,
            )
        };

        assert_eq!(open(0x4000_0040, 0)?.raw(), 0x4000_0040);
        assert!(open(0, 0).is_err());
        assert!(open(0x4000_0040, 0xC000_0001).is_err());

        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 16 + 40);
        assert_eq!(take_at::<u32>(&message, 8)?, 5);
        assert_eq!(take_at::<u32>(&message, 16 + 12)?, 0);
        assert_eq!(take_at::<u32>(&message, 16 + 16)?, 14);
        assert_eq!(take_at::<u32>(&message, 16 + 24)?, 40);
        assert_eq!(take_at::<u32>(&message, 16 + 28)?, 16);
        Ok(())
    }

    #[test]
    fn close_adapter() -> Result {
        let rig = Rig::new()?;

        // Any completion is accepted, even an empty one.
        rig.host.then(Answer::reply(&[])?)?;
        rig.link(envelope(40))?.call(
            HostProcess::GUEST,
            CloseAdapter {
                host_adapter: Handle::from_raw(0x4000_0080),
            },
            LONG,
        )?;

        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 16 + 32);
        assert_eq!(take_at::<u32>(&message, 16 + 16)?, 15);
        assert_eq!(take_at::<u32>(&message, 16 + 24)?, 0x4000_0080);
        Ok(())
    }

    fn info(version: u32, reply: &[u8]) -> Result<AdapterInfo> {
        let rig = Rig::new()?;

        rig.host.then(Answer::reply(reply)?)?;
        rig.link(envelope(version))?
            .call(HostProcess::GUEST, GetInternalAdapterInfo, LONG)
    }

    #[test]
    fn internal_adapter_info() -> Result {
        let mut reply = KVVec::from_elem(0xFF, 712, GFP_KERNEL)?;

        reply[12..16].copy_from_slice(&0x40u32.to_le_bytes());
        reply[16..24].copy_from_slice(&[3, 0, 0, 0, 4, 0, 0, 0]);
        reply[704..712].copy_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0]);

        let new = info(40, &reply)?;

        assert!(new.over_global_channel);
        assert_eq!(new.host_luid, Luid { a: 3, b: 4 });
        assert_eq!(new.vgpu_luid, Some(Luid { a: 1, b: 2 }));

        // An old host cannot switch on asynchronous mode.
        let old = info(39, &reply[..704])?;

        assert!(!old.over_global_channel);
        assert_eq!(old.host_luid, Luid { a: 3, b: 4 });
        assert_eq!(old.vgpu_luid, None);

        reply[12..16].copy_from_slice(&0xFFFF_FFBFu32.to_le_bytes());
        assert!(!info(40, &reply)?.over_global_channel);
        assert!(info(40, &reply[..711]).is_err());
        assert!(info(39, &reply[..703]).is_err());
        Ok(())
    }
}
