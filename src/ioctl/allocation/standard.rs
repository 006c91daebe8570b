// SPDX-License-Identifier: GPL-2.0

//! The vendor's data about allocations that programs describe without.

use crate::{
    message::standard_allocation::{
        GetStandardData,
        StandardData,
        StandardSizes, //
    },
    objects::{
        device::DeviceGuard,
        process::Process, //
    },
    uapi::allocation::StandardAllocation, //
};
use kernel::prelude::*;

/// Asks the host for the data: how much there is, then for as much.
///
/// # Errors
///
/// `EINVAL` if there is none, or the host changes its mind; what the host says.
pub(super) fn standard_data(
    process: &Process,
    guard: &DeviceGuard,
    standard: &StandardAllocation,
) -> Result<StandardData> {
    let ask = |sizes: StandardSizes| {
        guard.active().call(
            process.on_host()?,
            GetStandardData {
                bytes: standard.heap_size,
                sizes,
            },
        )
    };
    let sizes = ask(StandardSizes::default())?.sizes;

    ask(sizes)
}
