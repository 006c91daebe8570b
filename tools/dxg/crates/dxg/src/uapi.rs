// SPDX-License-Identifier: GPL-2.0

//! The part of the user ABI this library speaks, as plain data.
//!
//! [`adapter`], [`statistics`] and [`compute`] have the ioctl arguments, [`query`] the data that goes
//! inside [`QueryAdapterInfo`](adapter::QueryAdapterInfo). Every byte of every struct is a named field, so
//! that nothing uninitialised can reach the driver. `tests/layout.rs` compares sizes, offsets and
//! numbers with the specification of the interface.

pub mod adapter;
pub mod compute;
pub mod query;
pub mod statistics;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The argument of one ioctl of `/dev/dxg`.
pub trait Request: FromBytes + IntoBytes + Immutable + KnownLayout {
    /// The full 32-bit request: direction, argument size, magic and number.
    const NUMBER: u32;
    /// The D3DKMT function this ioctl stands for.
    const FUNCTION: &'static str;
}

/// `_IOWR('G', number, size)`: the only direction and magic the device uses.
const fn iowr(number: u32, size: usize) -> u32 {
    const READ_WRITE: u32 = 3;
    // The size field of a request has 14 bits.
    assert!(size < 1 << 14);
    (READ_WRITE << 30) | ((size as u32) << 16) | ((b'G' as u32) << 8) | number
}

macro_rules! request {
    ($argument:ty, $number:literal, $function:literal) => {
        impl $crate::uapi::Request for $argument {
            const NUMBER: u32 = $crate::uapi::iowr($number, size_of::<$argument>());
            const FUNCTION: &'static str = $function;
        }
    };
}
use request;

/// Derives what every struct of the ABI needs: C layout, and the proof that any bytes are a value
/// and that the value has no hidden bytes.
macro_rules! abi_struct {
    ($($item:item)*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout)]
        #[repr(C)]
        $item
    )*};
}
pub(crate) use abi_struct;
