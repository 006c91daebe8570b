// SPDX-License-Identifier: GPL-2.0

//! The vendor's data about standard allocations.

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

/// Asks the host for the data: first for its sizes, then for the data itself.
///
/// # Errors
///
/// `EINVAL` if there is no data, or its sizes differ between the two replies; those of the host.
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
