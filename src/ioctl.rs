// SPDX-License-Identifier: GPL-2.0

//! The ioctls of `/dev/dxg`: one type per request, and a table of them.
//!
//! A request is checked here, in the order user libraries rely on: number, full request, thread
//! group. Then the argument is copied in, once, and the handler runs. No lock is held.

mod adapter;
mod process;
mod query;
mod user_args;

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

/// Who calls.
struct Caller<'a> {
    process: &'a Process,
    registry: &'a Arc<Registry>,
}

/// One ioctl.
trait Ioctl {
    /// The full request: direction, size, letter and number.
    const REQUEST: u32;

    /// Its argument.
    type Argument: FromBytes + IntoBytes + Immutable + KnownLayout;

    /// Does what is asked. A positive result is a status of the host.
    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize>;
}

/// A line of the table.
struct Entry {
    request: u32,
    run: fn(&Caller<'_>, usize) -> Result<isize>,
}

/// A line for `T`.
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

/// The numbers up to the last one; what is not there answers `ENOTTY`.
const SLOTS: usize = uapi::LAST_NR as usize + 1;

/// Sorts the lines by number.
const fn table<const N: usize>(entries: [Entry; N]) -> [Option<Entry>; SLOTS] {
    let mut slots = [const { None }; SLOTS];
    let mut index = 0;

    while index < N {
        let Entry { request, run } = entries[index];
        let nr = _IOC_NR(request) as usize;

        assert!(nr > 0 && nr < SLOTS && slots[nr].is_none());
        slots[nr] = Some(Entry { request, run });
        index += 1;
    }
    slots
}

static TABLE: [Option<Entry>; SLOTS] = table([
    entry::<adapter::OpenAdapterFromLuid>(),
    entry::<query::QueryAdapterInfo>(),
    entry::<query::QueryVideoMemoryInfo>(),
    entry::<adapter::EnumAdapters2>(),
    entry::<adapter::CloseAdapter>(),
    entry::<adapter::EnumAdapters3>(),
    entry::<process::EnumProcesses>(),
    entry::<query::IsFeatureEnabled>(),
]);

/// The line for exactly this request.
fn find(request: u32) -> Option<&'static Entry> {
    // CAST: A number has 8 bits.
    TABLE
        .get(_IOC_NR(request) as usize)?
        .as_ref()
        .filter(|entry| entry.request == request)
}

/// Runs a request of `process`.
///
/// # Errors
///
/// `ENOTTY` if there is no such request, or the caller is another thread group; else those of the
/// handler.
pub(crate) fn dispatch(
    registry: &Arc<Registry>,
    process: &Process,
    request: u32,
    address: usize,
) -> Result<isize> {
    let entry = find(request).ok_or(ENOTTY)?;

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

    /// What the ABI says.
    const REQUESTS: [u32; 8] = [
        0xC00C_4701,
        0xC018_4709,
        0xC038_470A,
        0xC010_4714,
        0xC004_4715,
        0xC018_473E,
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
            // Another size, another direction, another letter.
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
