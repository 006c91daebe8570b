// SPDX-License-Identifier: GPL-2.0

//! Raw C declarations that the kernel crate does not have, generated from `c/bindings_helper.h`.
//!
//! Private to `linux`: no other layer may use them. In tree this file is removed and the
//! declarations move to `kernel::bindings`.

#![allow(unknown_lints)]
#![allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::cast_lossless,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    unnecessary_transmutes,
    unused_imports,
    dead_code
)]

use kernel::{
    bindings::*,
    ffi, //
};
use pin_init::{
    MaybeZeroable,
    Zeroable, //
};

include!(concat!(
    env!("DXGKRNL_OBJ"),
    "/src/linux/bindings_generated.rs"
));
