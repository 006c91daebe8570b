// SPDX-License-Identifier: GPL-2.0

//! The driver behind a device node. The only unsafe code of the library but for memory that is shared
//! with the GPU.

#![expect(unsafe_code, reason = "ioctl is a foreign function")]

mod compute;

use super::{Driver, Outcome};
use crate::{
    uapi::{adapter::*, statistics::QueryStatistics, Request},
    Errno, Error, NtStatus, OpenFailure, Result,
};
use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::FileTypeExt},
    path::Path,
};

/// An open device node.
pub(crate) struct DeviceFile {
    file: File,
}

impl DeviceFile {
    /// Opens the node, read-only and closed on exec, which is all that the ioctls need.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failure = |reason, source| Error::Open {
            path: path.to_owned(),
            reason,
            source,
        };
        let system = |error: io::Error| failure(OpenFailure::from_io(&error), Some(error));
        let file = File::open(path).map_err(system)?;
        if !file
            .metadata()
            .map_err(system)?
            .file_type()
            .is_char_device()
        {
            return Err(failure(OpenFailure::NotADevice, None));
        }
        Ok(Self { file })
    }

    /// Makes one call.
    ///
    /// # Safety
    ///
    /// Each non-zero address in `argument` must be that of memory which nothing else uses during
    /// the call and which is as large as the counts and sizes in `argument` say.
    unsafe fn call<R: Request>(&self, argument: &mut R) -> Outcome {
        // SAFETY: the descriptor is open as long as `self` lives. The request number carries the
        // size of `R`, so the driver reads and writes exactly the bytes of `argument`, which is
        // exclusively borrowed; any bytes are a valid `R` (`FromBytes`), and all of them are
        // initialised (`IntoBytes`). The caller answers for the memory that `argument` points to.
        let result = unsafe {
            libc::ioctl(
                self.file.as_raw_fd(),
                libc::c_ulong::from(R::NUMBER),
                std::ptr::from_mut(argument),
            )
        };
        match u32::try_from(result) {
            Ok(status) => Ok(NtStatus(status)),
            Err(_) => Err(Errno(
                io::Error::last_os_error().raw_os_error().unwrap_or(0),
            )),
        }
    }
}

/// The address of a slice as the ABI carries it; 0 stands for "no array".
fn address<T>(slice: &mut [T]) -> u64 {
    if slice.is_empty() {
        0
    } else {
        slice.as_mut_ptr() as u64
    }
}

/// A length in a 32-bit field of the ABI.
fn length<T>(slice: &[T]) -> Result<u32, Errno> {
    u32::try_from(slice.len()).map_err(|_| Errno::EINVAL)
}

impl Driver for DeviceFile {
    fn enum_adapters3(
        &self,
        arguments: &mut EnumAdapters3,
        adapters: &mut [AdapterInfo],
    ) -> Outcome {
        arguments.adapter_count = length(adapters)?;
        arguments.adapters = address(adapters);
        // SAFETY: the only address is that of `adapters`, exclusively borrowed, and the count is its
        // length; any bytes are an `AdapterInfo`.
        let outcome = unsafe { self.call(arguments) };
        arguments.adapters = 0;
        outcome
    }

    fn open_adapter_from_luid(&self, arguments: &mut OpenAdapterFromLuid) -> Outcome {
        // SAFETY: the argument holds no address.
        unsafe { self.call(arguments) }
    }

    fn close_adapter(&self, arguments: &mut CloseAdapter) -> Outcome {
        // SAFETY: the argument holds no address.
        unsafe { self.call(arguments) }
    }

    fn query_adapter_info(&self, arguments: &mut QueryAdapterInfo, data: &mut [u8]) -> Outcome {
        arguments.private_data_size = length(data)?;
        arguments.private_data = address(data);
        // SAFETY: the only address is that of `data`, exclusively borrowed, and the size is its
        // length in bytes.
        let outcome = unsafe { self.call(arguments) };
        arguments.private_data = 0;
        outcome
    }

    fn query_video_memory_info(&self, arguments: &mut QueryVideoMemoryInfo) -> Outcome {
        // SAFETY: the argument holds no address; `process` is a number to the driver.
        unsafe { self.call(arguments) }
    }

    fn query_statistics(&self, arguments: &mut QueryStatistics) -> Outcome {
        // SAFETY: the argument holds no address; `process` is a number to the driver.
        unsafe { self.call(arguments) }
    }

    fn enum_processes(&self, arguments: &mut EnumProcesses, processes: &mut [u32]) -> Outcome {
        arguments.buffer_count = u64::from(length(processes)?);
        arguments.buffer = address(processes);
        // SAFETY: the only address is that of `processes`, exclusively borrowed, and the count is
        // its length in elements of 32 bits; any bytes are a `u32`.
        let outcome = unsafe { self.call(arguments) };
        arguments.buffer = 0;
        outcome
    }

    fn is_feature_enabled(&self, arguments: &mut IsFeatureEnabled) -> Outcome {
        // SAFETY: the argument holds no address.
        unsafe { self.call(arguments) }
    }
}
