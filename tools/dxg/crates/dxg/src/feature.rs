// SPDX-License-Identifier: GPL-2.0

//! Optional features of the host.

use crate::uapi::adapter::{
    IsFeatureEnabledResult, FEATURE_ENABLED, FEATURE_KNOWN, FEATURE_SUPPORTED_BY_DRIVER,
    FEATURE_SUPPORTED_ON_CONFIG,
};
use std::fmt;

/// A feature one can ask about. The driver forwards any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Feature(pub u32);

impl Feature {
    /// The adapter's hardware schedules its queues.
    pub const HARDWARE_SCHEDULING: Self = Self(0);
    /// The host manages GPU memory in pages.
    pub const PAGE_BASED_MEMORY_MANAGER: Self = Self(32);
    /// The host's driver offers its test interface.
    pub const KERNEL_MODE_TESTING: Self = Self(33);

    /// The features that have a name.
    pub const NAMED: [Self; 3] = [
        Self::HARDWARE_SCHEDULING,
        Self::PAGE_BASED_MEMORY_MANAGER,
        Self::KERNEL_MODE_TESTING,
    ];
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::HARDWARE_SCHEDULING => f.pad("hardware scheduling"),
            Self::PAGE_BASED_MEMORY_MANAGER => f.pad("page-based memory manager"),
            Self::KERNEL_MODE_TESTING => f.pad("kernel-mode testing"),
            Self(number) => f.pad(&format!("feature {number}")),
        }
    }
}

/// The host's answer about a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeatureState {
    /// Version of the feature.
    pub version: u16,
    /// It is on.
    pub enabled: bool,
    /// The host has heard of it.
    pub known: bool,
    /// The host's GPU driver supports it.
    pub supported_by_driver: bool,
    /// This configuration supports it.
    pub supported_on_config: bool,
}

impl From<IsFeatureEnabledResult> for FeatureState {
    fn from(answer: IsFeatureEnabledResult) -> Self {
        let has = |bit| answer.value & bit != 0;
        Self {
            version: answer.version,
            enabled: has(FEATURE_ENABLED),
            known: has(FEATURE_KNOWN),
            supported_by_driver: has(FEATURE_SUPPORTED_BY_DRIVER),
            supported_on_config: has(FEATURE_SUPPORTED_ON_CONFIG),
        }
    }
}
