// SPDX-License-Identifier: GPL-2.0

//! Statistics of the host.

use super::{
    entry,
    user_args::{
        write_field,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::statistics as command,
    uapi::statistics as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<QueryStatistics>()];

/// 0x43: asks for statistics about an adapter, the caller or another process.
struct QueryStatistics;

impl Ioctl for QueryStatistics {
    const REQUEST: u32 = 0xC328_4743;

    type Argument = abi::QueryStatistics;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let guest = match argument.process {
            0 => None,
            id => Some(
                u32::try_from(id)
                    .ok()
                    .and_then(|id| caller.registry.find_neighbour(id))
                    .ok_or(EINVAL)?,
            ),
        };
        let process = guest.as_deref().unwrap_or(caller.process);
        let active = caller
            .registry
            .find_adapter(argument.adapter_luid)
            .ok_or(EINVAL)?
            .active()?;
        let answer = active.call(
            process.on_host()?,
            command::QueryStatistics {
                statistics_type: argument.r#type,
                adapter_luid: active.host_luid(),
                selector: argument.selector,
            },
        )?;

        write_field!(argument, abi::QueryStatistics, result, answer.bytes())?;
        Ok(0)
    }
}
