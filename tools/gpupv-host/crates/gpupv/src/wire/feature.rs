// SPDX-License-Identifier: GPL-2.0
//! Whether a feature is enabled, of an adapter or of the host.

use zerocopy::byteorder::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::CommandHeader;

/// ISFEATUREENABLED and ISFEATUREENABLED_GLOBAL.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct IsFeatureEnabled {
    /// Process is 0.
    pub hdr: CommandHeader,
    /// Which feature.
    pub feature_id: U32,
    /// Zero.
    pub padding: U32,
}

/// The answer to [`IsFeatureEnabled`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct IsFeatureEnabledReturn {
    /// Result of the query itself.
    pub status: U32,
    /// The oldest version of the feature.
    pub min_supported_version: U16,
    /// The newest version of the feature.
    pub max_supported_version: U16,
    /// See the `DESCRIPTOR_` constants.
    pub descriptor_flags: U16,
    /// The version in use.
    pub version: U16,
    /// See the `RESULT_` constants.
    pub result_flags: U16,
    /// Zero.
    pub padding: U16,
}

impl IsFeatureEnabledReturn {
    /// `descriptor_flags`: the host supports it.
    pub const DESCRIPTOR_SUPPORTED: u16 = 1 << 0;
    /// `descriptor_flags`: it is one of the host, not of adapters.
    pub const DESCRIPTOR_GLOBAL: u16 = 1 << 4;
    /// `descriptor_flags`: it is one of drivers.
    pub const DESCRIPTOR_DRIVER_FEATURE: u16 = 1 << 5;
    /// `result_flags`: it is on.
    pub const RESULT_ENABLED: u16 = 1 << 0;
    /// `result_flags`: the host knows what it is.
    pub const RESULT_KNOWN_FEATURE: u16 = 1 << 1;
    /// `result_flags`: the driver can do it.
    pub const RESULT_SUPPORTED_BY_DRIVER: u16 = 1 << 2;
    /// `result_flags`: it can be used on this machine.
    pub const RESULT_SUPPORTED_ON_CONFIG: u16 = 1 << 3;
}
