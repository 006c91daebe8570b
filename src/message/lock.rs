// SPDX-License-Identifier: GPL-2.0

//! Commands that show allocations to the program.

use super::{
    FixedCommand,
    Opcode, //
};
use crate::wire::{
    Handle,
    NtStatus, //
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct LockBody {
    device: Handle,
    allocation: Handle,
    lock_flags: u32,
    reserved: u32,
    data: u64,
    use_legacy_lock: u8,
    padding: [u8; 3],
    flags: u32,
    priv_drv_data: u32,
    padding1: u32,
}

static_assert!(size_of::<LockBody>() == 64 - 24);

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct LockAnswer {
    status: NtStatus,
    padding: u32,
    address: u64,
}

static_assert!(size_of::<LockAnswer>() == 16);

/// Shows an allocation in the window.
///
/// A lock nobody waits for any more is not taken back: another thread may have locked the
/// allocation meanwhile, and the host does not say which of the two it would take back. It ends
/// with the allocation.
pub(crate) struct Lock {
    /// On this device.
    pub(crate) device: Handle,
    /// The allocation.
    pub(crate) allocation: Handle,
    /// As the user wants it.
    pub(crate) flags: u32,
}

impl FixedCommand for Lock {
    const OPCODE: Opcode = Opcode::Vgpu(23);

    type Body = LockBody;
    type ReplyBody = LockAnswer;
    /// Where it is.
    type Reply = u64;

    fn body(&self) -> LockBody {
        LockBody {
            device: self.device,
            allocation: self.allocation,
            lock_flags: self.flags,
            reserved: 0,
            data: 0,
            use_legacy_lock: 0,
            padding: [0; 3],
            flags: 0,
            priv_drv_data: 0,
            padding1: 0,
        }
    }

    fn reply(&self, answer: LockAnswer) -> Result<u64> {
        answer.status.into_result()?;
        Ok(answer.address)
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct UnlockBody {
    device: Handle,
    allocation: Handle,
    use_legacy_unlock: u8,
    padding: [u8; 7],
}

static_assert!(size_of::<UnlockBody>() == 40 - 24);

/// Takes an allocation out of the window.
pub(crate) struct Unlock {
    /// On this device.
    pub(crate) device: Handle,
    /// The allocation.
    pub(crate) allocation: Handle,
}

impl FixedCommand for Unlock {
    const OPCODE: Opcode = Opcode::Vgpu(24);

    type Body = UnlockBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> UnlockBody {
        UnlockBody {
            device: self.device,
            allocation: self.allocation,
            use_legacy_unlock: 0,
            padding: [0; 7],
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct InvalidateCacheBody {
    device: Handle,
    allocation: Handle,
    offset: u64,
    length: u64,
    reserved: u64,
}

static_assert!(size_of::<InvalidateCacheBody>() == 56 - 24);

/// Makes what the processor has written to an allocation visible to the GPU.
pub(crate) struct InvalidateCache {
    /// On this device.
    pub(crate) device: Handle,
    /// The allocation.
    pub(crate) allocation: Handle,
    /// From this byte on.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) length: u64,
}

impl FixedCommand for InvalidateCache {
    const OPCODE: Opcode = Opcode::Vgpu(67);

    type Body = InvalidateCacheBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> InvalidateCacheBody {
        InvalidateCacheBody {
            device: self.device,
            allocation: self.allocation,
            offset: self.offset,
            length: self.length,
            reserved: 0,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_lock)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            take_at, //
        },
        transport::mock::envelope,
        wire::HostProcess, //
    };

    const DEVICE: Handle = Handle::from_raw(1);
    const ALLOCATION: Handle = Handle::from_raw(2);

    #[test]
    fn layouts() -> Result {
        let lock = encode(
            envelope(40),
            HostProcess::GUEST,
            &mut Lock {
                device: DEVICE,
                allocation: ALLOCATION,
                flags: 3,
            },
        )?;
        let unlock = encode(
            envelope(27),
            HostProcess::GUEST,
            &mut Unlock {
                device: DEVICE,
                allocation: ALLOCATION,
            },
        )?;
        let invalidate = encode(
            envelope(40),
            HostProcess::GUEST,
            &mut InvalidateCache {
                device: DEVICE,
                allocation: ALLOCATION,
                offset: 4,
                length: u64::MAX,
            },
        )?;

        assert_eq!(lock.bytes().len(), 16 + 64);
        for (offset, value) in [(16, 23), (24, 1), (28, 2), (32, 3), (40, 0), (48, 0)] {
            assert_eq!(take_at::<u32>(lock.bytes(), 16 + offset)?, value);
        }
        assert_eq!(unlock.bytes().len(), 40);
        for (offset, value) in [(16, 24), (24, 1), (28, 2), (32, 0)] {
            assert_eq!(take_at::<u32>(unlock.bytes(), offset)?, value);
        }
        assert_eq!(invalidate.bytes().len(), 16 + 56);
        for (offset, value) in [(16, 67), (24, 1), (28, 2), (32, 4), (40, u32::MAX), (48, 0)] {
            assert_eq!(take_at::<u32>(invalidate.bytes(), 16 + offset)?, value);
        }
        Ok(())
    }

    #[test]
    fn lock_answers() {
        let lock = Lock {
            device: DEVICE,
            allocation: ALLOCATION,
            flags: 0,
        };
        let answer = |status: u32| LockAnswer {
            status: NtStatus::from_raw(status),
            padding: 0,
            address: 0x1_0000,
        };

        assert_eq!(lock.reply(answer(0)), Ok(0x1_0000));
        assert_eq!(lock.reply(answer(0xC000_0017)), Err(ENOMEM));
    }
}
