// SPDX-License-Identifier: GPL-2.0

//! The two kinds of result a call can have: a status of the host or an error number of the kernel.

use std::{fmt, io};

/// A status of the Windows host.
///
/// The driver passes the host's success statuses through; failures reach this side as an [`Errno`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NtStatus(pub u32);

impl NtStatus {
    /// Done.
    pub const SUCCESS: Self = Self(0);
    /// Not done in time; a success by its sign bit.
    pub const TIMEOUT: Self = Self(0x0000_0102);
    /// Accepted, not done yet.
    pub const PENDING: Self = Self(0x0000_0103);
    /// Failed for a reason without a status of its own.
    pub const UNSUCCESSFUL: Self = Self(0xC000_0001);

    /// Whether the status is one of the success values, whose sign bit is clear.
    pub const fn is_success(self) -> bool {
        self.0 >> 31 == 0
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl From<Errno> for NtStatus {
    /// The status that D3DKMT callers see for an error number of the driver. Several statuses share
    /// an error number, so this need not be the status the host gave.
    fn from(errno: Errno) -> Self {
        Self(match errno.0 {
            libc::EEXIST => 0xC000_0035,
            libc::ENOMEM => 0xC000_0017,
            libc::EINVAL => 0xC000_000D,
            libc::ENOENT => 0xC000_0033,
            libc::EAGAIN => 0x0000_0102,
            libc::EOVERFLOW => 0xC000_0023,
            libc::ENODEV => 0xC000_02B6,
            libc::EACCES => 0xC000_0022,
            libc::ENOSYS | libc::EPERM => 0xC000_00BB,
            libc::EOPNOTSUPP => 0xC000_001D,
            libc::EBADF => 0xC000_0008,
            libc::EINPROGRESS => 0xC01E_0102,
            libc::EPROTOTYPE => 0xC000_0024,
            _ => return Self::UNSUCCESSFUL,
        })
    }
}

/// An error number of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// The driver refused an argument, or the host did not like the request.
    pub const EINVAL: Self = Self(libc::EINVAL);
    /// The driver serves another process, or does not know the request.
    pub const ENOTTY: Self = Self(libc::ENOTTY);
    /// A buffer was too small.
    pub const EOVERFLOW: Self = Self(libc::EOVERFLOW);
    /// The adapter is gone.
    pub const ENODEV: Self = Self(libc::ENODEV);

    /// What the driver means with this number when a call fails with it.
    pub fn meaning(self) -> &'static str {
        match self.0 {
            libc::EINVAL => "an argument is not valid, or the host does not know this request",
            libc::ENOENT => "the host has nothing under this name",
            libc::EPERM => "the host does not support this request",
            libc::EOPNOTSUPP => "the host's GPU driver refused an instruction",
            libc::EOVERFLOW => {
                "the answer does not fit, or the host gave a shorter one than agreed"
            }
            libc::ENODEV => "the adapter has been removed",
            libc::ENOMEM => "guest or host ran out of memory",
            libc::EAGAIN => "the channel to the host stayed full",
            libc::EACCES => "the host denied access",
            libc::EBADF => "the host does not know the handle",
            libc::EEXIST => "the name exists already",
            libc::EPROTOTYPE => "the object is of another kind",
            libc::EINPROGRESS => "the allocation is busy",
            libc::EINTR => "the process was being killed",
            libc::EFAULT => "the driver could not read or write the caller's memory",
            libc::ENOTTY => {
                "the driver behind the device node does not know this request: \
                 it is not dxgkrnl, or too old a version"
            }
            _ => "the driver could not reach the host",
        }
    }

    fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            libc::EPERM => "EPERM",
            libc::ENOENT => "ENOENT",
            libc::EINTR => "EINTR",
            libc::EIO => "EIO",
            libc::EBADF => "EBADF",
            libc::EAGAIN => "EAGAIN",
            libc::ENOMEM => "ENOMEM",
            libc::EACCES => "EACCES",
            libc::EFAULT => "EFAULT",
            libc::EBUSY => "EBUSY",
            libc::EEXIST => "EEXIST",
            libc::ENODEV => "ENODEV",
            libc::EINVAL => "EINVAL",
            libc::ENOTTY => "ENOTTY",
            libc::ENOSYS => "ENOSYS",
            libc::EOVERFLOW => "EOVERFLOW",
            libc::EPROTOTYPE => "EPROTOTYPE",
            libc::EOPNOTSUPP => "EOPNOTSUPP",
            libc::EINPROGRESS => "EINPROGRESS",
            _ => return None,
        })
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", io::Error::from_raw_os_error(self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_bit_decides_about_success() {
        assert!(NtStatus::PENDING.is_success());
        assert!(NtStatus(0x7FFF_FFFF).is_success());
        assert!(!NtStatus(0x8000_0000).is_success());
        assert!(!NtStatus::UNSUCCESSFUL.is_success());
    }

    #[test]
    fn numbers_are_shown_by_name_or_in_words() {
        assert_eq!(Errno(libc::EOVERFLOW).to_string(), "EOVERFLOW");
        assert!(Errno(libc::EXDEV).to_string().contains("os error"));
    }
}
