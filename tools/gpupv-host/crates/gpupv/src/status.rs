// SPDX-License-Identifier: GPL-2.0
//! NTSTATUS, the result of most commands.

/// A result code; negative when read as signed means failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NtStatus(pub u32);

impl NtStatus {
    /// It worked.
    pub const SUCCESS: Self = Self(0);
    /// It will have worked when the fence of the paging queue reaches the value in the answer.
    pub const PENDING: Self = Self(0x103);
    /// There is not enough memory.
    pub const NO_MEMORY: Self = Self(0xC000_0017);
    /// No such handle.
    pub const INVALID_HANDLE: Self = Self(0xC000_0008);
    /// An argument makes no sense.
    pub const INVALID_PARAMETER: Self = Self(0xC000_000D);
    /// The object was made or opened without the right to do this.
    pub const ACCESS_DENIED: Self = Self(0xC000_0022);
    /// The caller's buffer cannot hold the answer.
    pub const BUFFER_TOO_SMALL: Self = Self(0xC000_0023);
    /// There is nothing of that name.
    pub const OBJECT_NAME_NOT_FOUND: Self = Self(0xC000_0034);
    /// It is there, but of another type.
    pub const OBJECT_TYPE_MISMATCH: Self = Self(0xC000_0024);
    /// The host does not do this.
    pub const NOT_SUPPORTED: Self = Self(0xC000_00BB);
    /// The adapter is closed or gone.
    pub const DEVICE_REMOVED: Self = Self(0xC000_02B6);
}
