// SPDX-License-Identifier: GPL-2.0

//! Small types that the user ABI and the host protocol share.
//!
//! The two kinds of errors meet here only: [`NtStatus`] from the host becomes an [`Error`] or a
//! non-negative result for the user.

use crate::linux::{
    errno,
    guid::Guid, //
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// A locally unique identifier, 8 bytes.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub(crate) struct Luid {
    /// Low part.
    pub(crate) a: u32,
    /// High part.
    pub(crate) b: u32,
}

impl Luid {
    /// Returns the LUID in the first 8 bytes of a channel instance.
    pub(crate) fn from_instance(instance: Guid) -> Self {
        let [a0, a1, a2, a3, b0, b1, b2, b3, ..] = *instance.bytes();

        Self {
            a: u32::from_le_bytes([a0, a1, a2, a3]),
            b: u32::from_le_bytes([b0, b1, b2, b3]),
        }
    }
}

/// A handle in the form that user programs and the host use. Bits 0 to 5: instance; bits 6 to 29:
/// index; bits 30 and 31: unique, the generation of the slot.
#[repr(transparent)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub(crate) struct Handle(u32);

impl Handle {
    /// The value that means "no handle".
    pub(crate) const NONE: Self = Self(0);
    /// Upper limit of indices, which is not an index itself.
    pub(crate) const INDEX_LIMIT: u32 = 0xFF_FFFF;

    const INDEX_SHIFT: u32 = 6;
    const UNIQUE_SHIFT: u32 = 30;

    /// Returns the handle of slot `index` in its generation `unique`, with instance 0.
    pub(crate) const fn new(index: u32, unique: u8) -> Self {
        Self(
            ((index & Self::INDEX_LIMIT) << Self::INDEX_SHIFT)
                | ((unique as u32 & 3) << Self::UNIQUE_SHIFT),
        )
    }

    /// Makes a handle of its value.
    #[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
    pub(crate) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns the value.
    pub(crate) const fn raw(self) -> u32 {
        self.0
    }

    /// Returns whether this is [`Self::NONE`].
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Returns the index of the slot.
    pub(crate) const fn index(self) -> u32 {
        (self.0 >> Self::INDEX_SHIFT) & Self::INDEX_LIMIT
    }

    /// Returns the generation of the slot.
    #[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
    pub(crate) const fn unique(self) -> u8 {
        // CAST: Two bits are left.
        (self.0 >> Self::UNIQUE_SHIFT) as u8
    }
}

/// The process on whose behalf a command is sent: one that the host knows, or the guest itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostProcess(Handle);

impl HostProcess {
    /// The guest itself.
    pub(crate) const GUEST: Self = Self(Handle::NONE);

    /// Returns the process the host calls `handle`; `None` if that is no handle.
    pub(crate) fn from_host(handle: Handle) -> Option<Self> {
        (!handle.is_none()).then_some(Self(handle))
    }

    /// Returns the host's handle of the process.
    pub(crate) const fn handle(self) -> Handle {
        self.0
    }
}

/// The data that all messages of one adapter, or of the global channel, are wrapped with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    /// Negotiated interface version.
    pub(crate) version: InterfaceVersion,
    /// LUID of the vGPU that is meant; zero for global commands.
    pub(crate) vgpu: Luid,
}

/// A version of the host protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InterfaceVersion(u32);

impl InterfaceVersion {
    /// Version that is assumed for a host without a version register.
    pub(crate) const FALLBACK: Self = Self(27);
    /// Newest supported version, and the first one with extended headers.
    pub(crate) const CURRENT: Self = Self(40);
    /// Oldest version this driver claims to support.
    pub(crate) const OLDEST: Self = Self(16);

    /// Returns the version to use with a host that offers `register`; 0 if it has no register.
    pub(crate) fn for_host(register: u32) -> Self {
        match register {
            0 => Self::FALLBACK,
            version => Self(version).min(Self::CURRENT),
        }
    }

    /// Returns the number of the version.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    /// Returns whether requests carry an extended header; other changes came with the same version.
    pub(crate) fn is_extended(self) -> bool {
        self >= Self::CURRENT
    }
}

/// A status from the host. Negative values are failures.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct NtStatus(u32);

impl NtStatus {
    /// Success.
    pub(crate) const SUCCESS: Self = Self(0);
    const NOT_IMPLEMENTED: u32 = 0xC000_0002;
    const INVALID_HANDLE: u32 = 0xC000_0008;
    const INVALID_PARAMETER: u32 = 0xC000_000D;
    const NO_MEMORY: u32 = 0xC000_0017;
    const ILLEGAL_INSTRUCTION: u32 = 0xC000_001D;
    const ACCESS_DENIED: u32 = 0xC000_0022;
    const BUFFER_TOO_SMALL: u32 = 0xC000_0023;
    const OBJECT_TYPE_MISMATCH: u32 = 0xC000_0024;
    const OBJECT_NAME_INVALID: u32 = 0xC000_0033;
    const OBJECT_NAME_NOT_FOUND: u32 = 0xC000_0034;
    const OBJECT_NAME_COLLISION: u32 = 0xC000_0035;
    const NOT_SUPPORTED: u32 = 0xC000_00BB;
    const DEVICE_REMOVED: u32 = 0xC000_02B6;
    const GRAPHICS_ALLOCATION_BUSY: u32 = 0xC01E_0102;

    /// Makes a status of its value.
    #[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
    pub(crate) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// Converts the status to a result for the user: a success code as it is, or an error.
    pub(crate) fn into_result(self) -> Result<isize> {
        // CAST: The sign bit is clear, the value fits.
        if self.0 >> 31 == 0 {
            return Ok(self.0 as isize);
        }
        Err(match self.0 {
            Self::OBJECT_NAME_COLLISION => EEXIST,
            Self::NO_MEMORY => ENOMEM,
            Self::INVALID_PARAMETER => EINVAL,
            Self::OBJECT_NAME_INVALID | Self::OBJECT_NAME_NOT_FOUND => ENOENT,
            Self::BUFFER_TOO_SMALL => EOVERFLOW,
            Self::DEVICE_REMOVED => ENODEV,
            Self::ACCESS_DENIED => EACCES,
            Self::NOT_SUPPORTED | Self::NOT_IMPLEMENTED => EPERM,
            Self::ILLEGAL_INSTRUCTION => errno::eopnotsupp(),
            Self::INVALID_HANDLE => EBADF,
            Self::GRAPHICS_ALLOCATION_BUSY => errno::einprogress(),
            Self::OBJECT_TYPE_MISMATCH => errno::eprototype(),
            _ => EINVAL,
        })
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_wire)]
mod tests {
    use super::*;

    #[test]
    fn status_becomes_errno() {
        let table = [
            (0xC000_0035, -17),
            (0xC000_0017, -12),
            (0xC000_000D, -22),
            (0xC000_0033, -2),
            (0xC000_0034, -2),
            (0xC000_0023, -75),
            (0xC000_02B6, -19),
            (0xC000_0022, -13),
            (0xC000_00BB, -1),
            (0xC000_0002, -1),
            (0xC000_001D, -95),
            (0xC000_0008, -9),
            (0xC01E_0102, -115),
            (0xC000_0024, -91),
            (0xC000_0001, -22),
            (0x8000_0000, -22),
            (0xFFFF_FFFF, -22),
        ];

        for (status, errno) in table {
            let result = NtStatus::from_raw(status).into_result();

            assert_eq!(result.map_err(|error| error.to_errno()), Err(errno));
        }
    }

    #[test]
    fn success_passes_through() {
        for status in [0u32, 0x102, 0x103, 0x7FFF_FFFF] {
            let result = NtStatus::from_raw(status).into_result();

            assert!(result.is_ok_and(|value| value == status as isize));
        }
        assert!(NtStatus::SUCCESS
            .into_result()
            .is_ok_and(|value| value == 0));
    }

    #[test]
    fn handle_bits() {
        assert_eq!(Handle::new(0, 1).raw(), 0x4000_0000);
        assert_eq!(Handle::new(1, 1).raw(), 0x4000_0040);
        assert_eq!(Handle::new(0xFF_FFFF, 3).raw(), 0xFFFF_FFC0);

        let handle = Handle::from_raw(0x8000_0FC5);

        assert_eq!(handle.index(), 0x3F);
        assert_eq!(handle.unique(), 2);
    }

    #[test]
    fn version_for_host() {
        assert_eq!(InterfaceVersion::for_host(0).number(), 27);
        assert_eq!(InterfaceVersion::for_host(39).number(), 39);
        assert_eq!(InterfaceVersion::for_host(40).number(), 40);
        assert_eq!(InterfaceVersion::for_host(41).number(), 40);
        assert!(!InterfaceVersion::for_host(39).is_extended());
        assert!(InterfaceVersion::for_host(40).is_extended());
    }

    #[test]
    fn luid_from_instance() {
        let guid = Guid::new(0x0403_0201, 0x0605, 0x0807, [9; 8]);
        let luid = Luid::from_instance(guid);

        assert_eq!(luid.a, 0x0403_0201);
        assert_eq!(luid.b, 0x0807_0605);
    }
}
