// SPDX-License-Identifier: GPL-2.0
//! GPADLs: lists of guest pages that the guest lent to the host.
//!
//! [`PageList`] is what the messages describe, put together by [`Assembly`] from one header and any
//! number of bodies. [`GpadlView`] is the memory behind a complete list. The guest may change that
//! memory at any moment, so a view only copies and never gives out references.

mod assembly;
mod view;

pub use assembly::{Assembly, GpadlError, PageList};
pub use view::{AccessError, GpadlView};
