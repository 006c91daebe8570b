// SPDX-License-Identifier: GPL-2.0

//! The clocks of a GPU and of the host.

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
    message::clock as command,
    uapi::clock as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<QueryClockCalibration>()];

/// 0x3D: reads the clocks of a GPU engine and of the host at the same moment.
struct QueryClockCalibration;

impl Ioctl for QueryClockCalibration {
    const REQUEST: u32 = 0xC028_473D;

    type Argument = abi::QueryClockCalibration;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let active = caller.process.adapter(argument.adapter)?.active()?;
        let clocks = active.call(
            caller.process.on_host()?,
            command::QueryClockCalibration {
                adapter: active.host_adapter(),
                node_ordinal: argument.node_ordinal,
                physical_adapter_index: argument.physical_adapter_index,
            },
        )?;

        write_field!(
            argument,
            abi::QueryClockCalibration,
            clock_data,
            &clocks.data
        )?;
        Ok(clocks.code)
    }
}
