// SPDX-License-Identifier: GPL-2.0

//! The ioctls of sync files, in a driver that is built without them.

use super::{
    entry,
    user_args::Argument,
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    linux::errno,
    uapi::sync_file as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<CreateSyncFile>(),
    entry::<WaitSyncFile>(),
    entry::<OpenSyncObjectFromSyncFile>(),
];

/// Defines a request that fails with `EOPNOTSUPP`.
macro_rules! not_supported {
    ($(#[$attr:meta])* $name:ident, $request:literal) => {
        $(#[$attr])*
        struct $name;

        impl Ioctl for $name {
            const REQUEST: u32 = $request;

            type Argument = abi::$name;

            fn run(_caller: &Caller<'_>, _argument: Argument<Self::Argument>) -> Result<isize> {
                Err(errno::eopnotsupp())
            }
        }
    };
}

not_supported!(
    /// 0x45: not supported in this configuration.
    CreateSyncFile,
    0xC018_4745
);
not_supported!(
    /// 0x46: not supported in this configuration.
    WaitSyncFile,
    0xC010_4746
);
not_supported!(
    /// 0x47: not supported in this configuration.
    OpenSyncObjectFromSyncFile,
    0xC028_4747
);
