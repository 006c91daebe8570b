// SPDX-License-Identifier: GPL-2.0

//! Commands that make allocations visible to the CPU.

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

/// Command LOCK2: makes an allocation visible in the IO-space window.
///
/// A lock whose waiter has left is not undone: another thread may have locked the allocation in the
/// meantime, and the host does not define which of the two locks an unlock would drop. The lock
/// ends with the allocation.
pub(crate) struct Lock {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Handle of the allocation.
    pub(crate) allocation: Handle,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
}

impl FixedCommand for Lock {
    const OPCODE: Opcode = Opcode::Vgpu(23);

    type Body = LockBody;
    type ReplyBody = LockAnswer;
    /// Guest physical address of the allocation.
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

/// Command UNLOCK2: removes an allocation from the window.
pub(crate) struct Unlock {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Handle of the allocation.
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

/// Command INVALIDATECACHE: makes data that the CPU has written to an allocation visible to the
/// GPU.
pub(crate) struct InvalidateCache {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Handle of the allocation.
    pub(crate) allocation: Handle,
    /// Offset of the first byte.
    pub(crate) offset: u64,
    /// Length in bytes.
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
