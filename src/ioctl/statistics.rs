// SPDX-License-Identifier: GPL-2.0

//! Statistics of the host about adapters and processes.

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

/// 0x43: returns statistics about an adapter, the calling process or another process.
struct QueryStatistics;

impl Ioctl for QueryStatistics {
    const REQUEST: u32 = 0xC328_4743;

    type Argument = abi::QueryStatistics;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let sender = caller.process.on_host()?;
        let other = match argument.process {
            0 => None,
            id => Some(
                u32::try_from(id)
                    .ok()
                    .and_then(|id| caller.registry.find_by_tgid(id))
                    .ok_or(EINVAL)?,
            ),
        };
        // The other process may end before this request is answered, and the host may reuse its
        // handle afterwards.
        let sender = match &other {
            Some(other) => sender.in_the_name_of(&other.on_host().map_err(|_| EINVAL)?),
            None => sender,
        };
        let active = caller
            .registry
            .find_adapter(argument.adapter_luid)
            .ok_or(EINVAL)?
            .active()?;
        let answer = active.call(
            sender,
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
