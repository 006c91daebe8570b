// SPDX-License-Identifier: GPL-2.0

//! The ioctls of `/dev/dxg`: one type per request, and a table of them.
//!
//! A request is checked in the order user libraries rely on: number, full request, thread group.
//! Then the argument is copied in once and the handler runs. No lock is held.

mod adapter;
mod address;
mod allocation;
mod allocation_priority;
mod clock;
mod context;
mod device;
mod device_state;
mod escape;
mod hw_queue;
mod lock;
#[cfg(not(CONFIG_DXGKRNL_SYNC_FILE))]
mod no_sync_file;
mod open_resource;
mod paging_queue;
mod priority;
mod process;
mod query;
mod residency;
mod share;
mod signal;
mod statistics;
mod submit;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
mod sync_file;
mod sync_object;
mod user_args;
mod video_memory;
mod wait;

#[cfg(not(CONFIG_DXGKRNL_SYNC_FILE))]
use self::no_sync_file as sync_file;
use self::user_args::Argument;
use crate::{
    linux::trace,
    objects::process::Process,
    registry::Registry,
    uapi, //
};
use kernel::{
    ioctl::_IOC_NR,
    prelude::*,
    sync::Arc, //
};
use zerocopy::{
    Immutable,
    KnownLayout, //
};

/// The process that issues a request, and the registry of the driver.
struct Caller<'a> {
    process: &'a Arc<Process>,
    registry: &'a Arc<Registry>,
}

/// An ioctl.
trait Ioctl {
    /// The full request number: direction, size, type letter and number.
    const REQUEST: u32;

    /// Structure the request points to.
    type Argument: FromBytes + IntoBytes + Immutable + KnownLayout;

    /// Executes the request. A positive result is a status of the host.
    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize>;
}

/// An entry of the table.
#[derive(Clone, Copy)]
struct Entry {
    request: u32,
    run: fn(&Caller<'_>, usize) -> Result<isize>,
}

/// Makes the table entry of `T`, and fails to compile unless its request matches its argument.
const fn entry<T: Ioctl>() -> Entry {
    fn run<T: Ioctl>(caller: &Caller<'_>, address: usize) -> Result<isize> {
        T::run(caller, Argument::read(address)?)
    }

    assert!(T::REQUEST == uapi::request::<T::Argument>(_IOC_NR(T::REQUEST)));
    Entry {
        request: T::REQUEST,
        run: run::<T>,
    }
}

/// Number of table slots. A request whose slot is empty gives `ENOTTY`.
const SLOTS: usize = uapi::LAST_NR as usize + 1;

/// Sorts the entries of all families by number.
const fn table(families: &[&[Entry]]) -> [Option<Entry>; SLOTS] {
    let mut slots = [None; SLOTS];
    let mut family = 0;

    while family < families.len() {
        let mut index = 0;

        while index < families[family].len() {
            let entry = families[family][index];
            let nr = _IOC_NR(entry.request) as usize;

            assert!(nr > 0 && nr < SLOTS && slots[nr].is_none());
            slots[nr] = Some(entry);
            index += 1;
        }
        family += 1;
    }
    slots
}

static TABLE: [Option<Entry>; SLOTS] = table(&[
    adapter::ENTRIES,
    address::ENTRIES,
    allocation::ENTRIES,
    allocation_priority::ENTRIES,
    clock::ENTRIES,
    context::ENTRIES,
    device::ENTRIES,
    device_state::ENTRIES,
    escape::ENTRIES,
    hw_queue::ENTRIES,
    lock::ENTRIES,
    open_resource::ENTRIES,
    paging_queue::ENTRIES,
    priority::ENTRIES,
    process::ENTRIES,
    query::ENTRIES,
    residency::ENTRIES,
    share::ENTRIES,
    signal::ENTRIES,
    statistics::ENTRIES,
    submit::ENTRIES,
    sync_file::ENTRIES,
    sync_object::ENTRIES,
    video_memory::ENTRIES,
    wait::ENTRIES,
]);

/// Returns the entry of exactly this request.
fn find(request: u32) -> Option<&'static Entry> {
    // CAST: A request number has 8 bits.
    TABLE
        .get(_IOC_NR(request) as usize)?
        .as_ref()
        .filter(|entry| entry.request == request)
}

/// Runs `request` for the process that `process` returns. May block.
///
/// # Errors
///
/// `ENOTTY` if there is no such request, or the caller belongs to another thread group; else those
/// of `process` and of the handler.
pub(crate) fn dispatch<'a>(
    registry: &Arc<Registry>,
    process: impl FnOnce() -> Result<&'a Arc<Process>>,
    request: u32,
    address: usize,
) -> Result<isize> {
    let entry = find(request).ok_or(ENOTTY)?;
    let process = process()?;

    if !process.is_current() {
        return Err(ENOTTY);
    }

    let result = (entry.run)(&Caller { process, registry }, address);

    // CAST: An error number fits.
    trace::ioctl(
        request,
        result.unwrap_or_else(|error| error.to_errno() as isize),
    );
    result
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_ioctl)]
mod tests {
    use super::*;

    /// The requests of the ABI.
    const REQUESTS: [u32; 65] = [
        0xC00C_4701,
        0xC040_4702,
        0xC028_4704,
        0xC004_4705,
        0xC048_4706,
        0xC020_4707,
        0xC048_4708,
        0xC018_4709,
        0xC038_470A,
        0xC030_470B,
        0xC068_470C,
        0xC020_470D,
        0xC038_470E,
        0xC180_470F,
        0xC060_4710,
        0xC1D0_4711,
        0xC0C8_4712,
        0xC018_4713,
        0xC010_4714,
        0xC004_4715,
        0xC020_4716,
        0xC030_4718,
        0xC004_4719,
        0xC004_471B,
        0xC004_471C,
        0xC004_471D,
        0xC020_471E,
        0xC004_471F,
        0xC018_4720,
        0xC008_4721,
        0xC008_4722,
        0xC018_4724,
        0xC018_4725,
        0xC008_4726,
        0xC028_4727,
        0xC020_472A,
        0xC028_472C,
        0xC020_472E,
        0xC008_472F,
        0xC008_4730,
        0xC020_4731,
        0xC050_4732,
        0xC060_4733,
        0xC038_4734,
        0xC028_4735,
        0xC018_4736,
        0xC008_4737,
        0xC028_4738,
        0xC038_4739,
        0xC028_473A,
        0xC050_473B,
        0xC020_473C,
        0xC028_473D,
        0xC018_473E,
        0xC028_473F,
        0xC058_4740,
        0xC028_4741,
        0xC068_4742,
        0xC328_4743,
        0xC018_4744,
        0xC018_4745,
        0xC010_4746,
        0xC028_4747,
        0xC018_4748,
        0xC00C_4749,
    ];

    #[test]
    fn known_requests() {
        for request in REQUESTS {
            assert!(find(request).is_some_and(|entry| entry.request == request));
        }
        assert_eq!(TABLE.iter().flatten().count(), REQUESTS.len());
    }

    #[test]
    fn wrong_requests() {
        for request in REQUESTS {
            // Another size, another direction, another type letter.
            assert!(find(request + (1 << 16)).is_none());
            assert!(find(request & !(1 << 31)).is_none());
            assert!(find(request & !(1 << 30)).is_none());
            assert!(find(request ^ (1 << 8)).is_none());
        }
        for nr in [0u32, 0x03, 0x17, 0x1A, 0x2D, 0x4A, 0xFF] {
            assert!(find(0xC004_4700 | nr).is_none());
        }
    }
}
