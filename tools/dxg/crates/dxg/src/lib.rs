// SPDX-License-Identifier: GPL-2.0

//! Safe access to `/dev/dxg`, the paravirtual GPU device of Linux guests on Hyper-V.
//!
//! The device speaks the D3DKMT functions that graphics and compute libraries use on Windows. This
//! library covers what one needs to find adapters, to learn about them, and to have them compute
//! something ([`compute`]); every function of the device it calls is named in the errors it returns.
//!
//! ```no_run
//! use dxg::{AdapterFilter, Dxg, SegmentGroup};
//!
//! # fn main() -> dxg::Result<()> {
//! let device = Dxg::open()?;
//! for adapter in device.adapters(AdapterFilter::ALL)? {
//!     let name = adapter.name()?;
//!     let memory = adapter.video_memory(0, SegmentGroup::Local)?;
//!     println!("{} {name}: {} of {} bytes in use", adapter.luid(), memory.current_usage, memory.budget);
//! } // each adapter's handle is closed here
//! # Ok(())
//! # }
//! ```
//!
//! # Ownership
//!
//! A [`Dxg`] is one open descriptor. An [`Adapter`] owns one adapter handle of the driver and keeps
//! the descriptor open for as long as it lives, so adapters may outlive the [`Dxg`] they came from.
//! Dropping an adapter closes its handle once; [`Adapter::close`] does the same and tells whether
//! it worked. Closing the last handle of an adapter makes the driver destroy whatever the process
//! still has on it.
//!
//! The driver keeps one set of objects per process, however often the process opens the device.
//!
//! # Threads and fork
//!
//! Everything here may be used from several threads; the driver runs their calls in parallel.
//!
//! The driver refuses calls of any process but the one that opened the device, with `ENOTTY`. A
//! child made by `fork` therefore cannot use what it inherited: its calls return
//! [`Error::OtherProcess`], and dropping an inherited [`Adapter`] in the child leaves the parent's
//! handle alone. The child gets its own access by calling [`Dxg::open`] again.
//!
//! # What the host does not answer
//!
//! Which queries succeed depends on the Windows host and on the GPU driver there. Failing queries
//! are normal; [`Error::is_unanswered`] tells them from trouble.
//!
//! # Unsafe code
//!
//! All of it is in `driver/`: the ioctls, and memory that is shared with the GPU. The rest works on the
//! safe [`Driver`] trait, which is also where the tests put a driver made of data.

#![deny(unsafe_code)]

#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
compile_error!("the driver serves 64-bit little-endian programs only");

mod adapter;
pub mod compute;
mod connection;
mod device;
pub mod driver;
mod engine;
mod error;
mod feature;
mod luid;
mod memory;
mod selector;
mod statistics;
mod status;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
pub mod uapi;
mod version;

pub use adapter::{Adapter, AdapterKind};
pub use device::{AdapterFilter, Dxg, DEVICE_PATH};
pub use driver::Driver;
pub use engine::{Engine, EngineKind};
pub use error::{Error, Function, OpenFailure, Result};
pub use feature::{Feature, FeatureState};
pub use luid::{Luid, ParseLuidError};
pub use memory::{SegmentGroup, VideoMemory};
pub use selector::Selector;
pub use statistics::{MemoryInUse, ProcessMemory};
pub use status::{Errno, NtStatus};
pub use version::{DriverVersion, WddmVersion};
