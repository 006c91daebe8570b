// SPDX-License-Identifier: GPL-2.0

//! Error codes for which the kernel crate of the oldest supported kernel has no name.

use kernel::{
    bindings,
    error::Error, //
};

/// Returns the error of a C error number.
fn named(errno: u32) -> Error {
    // CAST: Error numbers are below 4096.
    Error::from_errno(-(errno as i32))
}

/// Returns `EPROTOTYPE`: protocol wrong type for socket.
pub(crate) fn eprototype() -> Error {
    named(bindings::EPROTOTYPE)
}

/// Returns `EOPNOTSUPP`: operation not supported on transport endpoint.
pub(crate) fn eopnotsupp() -> Error {
    named(bindings::EOPNOTSUPP)
}

/// Returns `EINPROGRESS`: operation now in progress.
pub(crate) fn einprogress() -> Error {
    named(bindings::EINPROGRESS)
}

/// Returns `ECANCELED`: operation canceled.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) fn ecanceled() -> Error {
    named(bindings::ECANCELED)
}

/// Returns `EBADMSG`: not a data message.
pub(crate) fn ebadmsg() -> Error {
    named(bindings::EBADMSG)
}

/// Returns `ENOTRECOVERABLE`: state not recoverable.
pub(crate) fn enotrecoverable() -> Error {
    named(bindings::ENOTRECOVERABLE)
}
