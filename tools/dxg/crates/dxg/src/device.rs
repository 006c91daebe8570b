// SPDX-License-Identifier: GPL-2.0

//! The device: finding and opening adapters.

use crate::{
    connection::Connection,
    driver::DeviceFile,
    uapi::adapter::{
        AdapterInfo, EnumAdapters3, Handle, OpenAdapterFromLuid, ENUM_ADAPTERS3_MAX,
        FILTER_INCLUDE_COMPUTE_ONLY, FILTER_INCLUDE_DISPLAY_ONLY,
    },
    Adapter, Driver, Errno, Error, Function, Luid, Result,
};
use std::{fmt, path::Path, sync::Arc};

/// Where the device is.
pub const DEVICE_PATH: &str = "/dev/dxg";

/// Which adapters an enumeration gives. Render adapters are always among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdapterFilter {
    /// Adapters that only compute, too.
    pub compute_only: bool,
    /// Adapters that only display, too.
    pub display_only: bool,
}

impl AdapterFilter {
    /// Render adapters.
    pub const RENDER: Self = Self {
        compute_only: false,
        display_only: false,
    };
    /// All adapters.
    pub const ALL: Self = Self {
        compute_only: true,
        display_only: true,
    };

    fn bits(self) -> u64 {
        let bit = |set, bit| if set { bit } else { 0 };
        bit(self.compute_only, FILTER_INCLUDE_COMPUTE_ONLY)
            | bit(self.display_only, FILTER_INCLUDE_DISPLAY_ONLY)
    }
}

/// The open device. Clones share the descriptor.
#[derive(Clone)]
pub struct Dxg {
    connection: Arc<Connection>,
}

impl Dxg {
    /// Opens `/dev/dxg`.
    ///
    /// # Errors
    ///
    /// [`Error::Open`], with an [`OpenFailure`](crate::OpenFailure) that tells a missing module from
    /// a missing host.
    pub fn open() -> Result<Self> {
        Self::open_path(DEVICE_PATH)
    }

    /// Opens the device under another path, as a container may have it.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_path(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::with_driver(DeviceFile::open(path.as_ref())?))
    }

    /// Uses another implementation of the driver's calls.
    pub fn with_driver(driver: impl Driver + 'static) -> Self {
        Self::opened_by(driver, std::process::id())
    }

    pub(crate) fn opened_by(driver: impl Driver + 'static, process: u32) -> Self {
        Self {
            connection: Arc::new(Connection::new(Box::new(driver), process)),
        }
    }

    /// Opens every adapter the filter admits, in the driver's order.
    ///
    /// Adapters that come or go meanwhile are no error: the driver is asked again until the list is
    /// complete.
    ///
    /// # Errors
    ///
    /// [`Error::Call`], [`Error::OtherProcess`] after fork, [`Error::Unsettled`] if adapters kept
    /// arriving.
    pub fn adapters(&self, filter: AdapterFilter) -> Result<Vec<Adapter>> {
        let function = Function::of::<EnumAdapters3>();
        let arguments = EnumAdapters3 {
            filter: filter.bits(),
            ..EnumAdapters3::default()
        };

        let mut count = arguments;
        self.connection.call(function, |driver| {
            driver.enum_adapters3(&mut count, &mut [])
        })?;
        if count.adapter_count == 0 {
            return Ok(Vec::new());
        }
        let found = self.connection.list(
            function,
            count.adapter_count as usize,
            ENUM_ADAPTERS3_MAX as usize,
            |driver, entries| {
                let mut arguments = arguments;
                let outcome = driver.enum_adapters3(&mut arguments, entries);
                (outcome, arguments.adapter_count as usize)
            },
        )?;
        // All handles get their owner before anything can fail.
        let adapters: Vec<Adapter> = found.iter().map(|info| self.own(info)).collect();
        match found.iter().find(|info| info.adapter_handle == Handle(0)) {
            None => Ok(adapters),
            Some(info) => Err(Error::Malformed {
                function,
                problem: format!("adapter {} came without a handle", info.adapter_luid),
            }),
        }
    }

    /// Opens the adapter with this LUID, whatever its kind.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchAdapter`], or as [`adapters`](Self::adapters).
    pub fn open_by_luid(&self, luid: Luid) -> Result<Adapter> {
        let mut arguments = OpenAdapterFromLuid {
            adapter_luid: luid,
            // Some drivers report success for an unknown LUID and leave the handle as it was.
            adapter_handle: Handle(0),
        };
        let outcome = self
            .connection
            .call(Function::of::<OpenAdapterFromLuid>(), |driver| {
                driver.open_adapter_from_luid(&mut arguments)
            });
        match outcome {
            Ok(_) if arguments.adapter_handle != Handle(0) => Ok(self.own(&AdapterInfo {
                adapter_handle: arguments.adapter_handle,
                adapter_luid: luid,
                ..AdapterInfo::default()
            })),
            Ok(_) => Err(Error::NoSuchAdapter { luid }),
            Err(error) if error.errno() == Some(Errno::EINVAL) => {
                Err(Error::NoSuchAdapter { luid })
            }
            Err(error) => Err(error),
        }
    }

    fn own(&self, info: &AdapterInfo) -> Adapter {
        Adapter::new(
            Arc::clone(&self.connection),
            info.adapter_handle,
            info.adapter_luid,
        )
    }
}

impl fmt::Debug for Dxg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dxg").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{FakeAdapter, FakeDriver},
        OpenFailure,
    };

    fn luids(adapters: &[Adapter]) -> Vec<u32> {
        adapters.iter().map(|adapter| adapter.luid().a).collect()
    }

    #[test]
    fn the_filter_decides_about_compute_only_adapters() {
        let driver = FakeDriver::new([
            FakeAdapter::silent(1),
            FakeAdapter::silent(2).compute_only(),
        ]);
        let device = driver.device();
        let all = device.adapters(AdapterFilter::ALL).unwrap();
        assert_eq!(luids(&all), [1, 2]);
        // The count includes both; the list is shorter, and that is no error.
        let render = device.adapters(AdapterFilter::RENDER).unwrap();
        assert_eq!(luids(&render), [1]);
        assert_eq!(driver.open_handles(), 3);
        drop((all, render));
        assert_eq!(driver.open_handles(), 0);
    }

    #[test]
    fn no_adapters_is_an_empty_list() {
        let driver = FakeDriver::default();
        assert!(driver
            .device()
            .adapters(AdapterFilter::ALL)
            .unwrap()
            .is_empty());
        assert_eq!(driver.calls::<EnumAdapters3>(), 1);
    }

    #[test]
    fn adapters_that_arrive_after_the_count_are_found() {
        let driver = FakeDriver::new([FakeAdapter::silent(1)]);
        driver.arrive_later([FakeAdapter::silent(2), FakeAdapter::silent(3)]);
        driver.arrive_later([FakeAdapter::silent(4)]);
        let adapters = driver.device().adapters(AdapterFilter::ALL).unwrap();
        assert_eq!(luids(&adapters), [1, 2, 3, 4]);
        // One count, two lists that were outgrown, one that fit.
        assert_eq!(driver.calls::<EnumAdapters3>(), 4);
        assert_eq!(driver.open_handles(), 4);
    }

    #[test]
    fn endless_arrivals_end_in_an_error() {
        let driver = FakeDriver::new([FakeAdapter::silent(0)]);
        for low in 1..100 {
            driver.arrive_later([FakeAdapter::silent(low)]);
        }
        let error = driver.device().adapters(AdapterFilter::ALL).unwrap_err();
        assert!(matches!(error, Error::Unsettled { .. }), "{error}");
        assert_eq!(driver.open_handles(), 0);
    }

    #[test]
    fn an_adapter_is_opened_by_its_luid_or_reported_missing() {
        let driver = FakeDriver::new([FakeAdapter::silent(7).compute_only()]);
        let device = driver.device();
        let adapter = device.open_by_luid(Luid { a: 7, b: 0 }).unwrap();
        assert_eq!(adapter.luid(), Luid { a: 7, b: 0 });
        let error = device.open_by_luid(Luid { a: 8, b: 1 }).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no adapter with LUID 00000001:00000008"
        );
    }

    #[test]
    fn success_without_a_handle_is_not_success() {
        let driver = FakeDriver::new([FakeAdapter::silent(1)]);
        driver.give_no_handles();
        let device = driver.device();
        let missing = device.open_by_luid(Luid { a: 1, b: 0 }).unwrap_err();
        assert!(matches!(missing, Error::NoSuchAdapter { .. }), "{missing}");
        let nameless = device.adapters(AdapterFilter::ALL).unwrap_err();
        assert!(matches!(nameless, Error::Malformed { .. }), "{nameless}");
        assert_eq!(driver.calls::<crate::uapi::adapter::CloseAdapter>(), 0);
    }

    #[test]
    fn a_child_made_by_fork_is_told_so() {
        let driver = FakeDriver::new([FakeAdapter::silent(1)]);
        let parent = std::process::id() + 1;
        let device = Dxg::opened_by(driver.clone(), parent);
        let adapter = device.open_by_luid(Luid { a: 1, b: 0 }).unwrap();
        driver.fail_all(Errno::ENOTTY);
        let error = device.adapters(AdapterFilter::ALL).unwrap_err();
        assert!(
            matches!(error, Error::OtherProcess { opened_by, .. } if opened_by == parent),
            "{error}"
        );
        assert!(matches!(
            adapter.kind().unwrap_err(),
            Error::OtherProcess { .. }
        ));
        assert!(matches!(
            adapter.close().unwrap_err(),
            Error::OtherProcess { .. }
        ));
        // The parent's handle is as it was.
        assert_eq!(driver.open_handles(), 1);
    }

    #[test]
    fn the_wrong_driver_is_not_taken_for_a_fork() {
        let driver = FakeDriver::default();
        driver.fail_all(Errno::ENOTTY);
        let error = driver.device().adapters(AdapterFilter::ALL).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Call {
                    errno: Errno::ENOTTY,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().starts_with("D3DKMTEnumAdapters3 failed"));
    }

    fn open_failure(path: impl AsRef<Path>) -> OpenFailure {
        match Dxg::open_path(path).unwrap_err() {
            Error::Open { reason, .. } => reason,
            error => panic!("{error}"),
        }
    }

    #[test]
    fn nodes_that_cannot_be_the_device_are_told_apart() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(open_failure(here.join("no-such-node")), OpenFailure::NoNode);
        assert_eq!(open_failure(here), OpenFailure::NotADevice);
        assert_eq!(
            open_failure(here.join("Cargo.toml")),
            OpenFailure::NotADevice
        );
        for (number, reason) in [
            (libc::EBADF, OpenFailure::NoHost),
            (libc::EACCES, OpenFailure::Denied),
            (libc::ENXIO, OpenFailure::NoDriver),
            (libc::EMFILE, OpenFailure::Other),
        ] {
            let error = std::io::Error::from_raw_os_error(number);
            assert_eq!(OpenFailure::from_io(&error), reason);
        }
    }

    #[test]
    fn another_character_device_answers_enotty() {
        let device = Dxg::open_path("/dev/null").unwrap();
        let error = device.adapters(AdapterFilter::ALL).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ENOTTY), "{error}");
    }
}
