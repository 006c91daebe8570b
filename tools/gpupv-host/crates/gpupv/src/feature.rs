// SPDX-License-Identifier: GPL-2.0
//! Which features an adapter and the host have.

use crate::adapter::AdapterDescription;
use crate::wire::IsFeatureEnabledReturn as Reply;

/// The features that the host knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feature {
    HardwareScheduling,
    PageBasedMemoryManager,
    KernelModeTesting,
}

impl Feature {
    fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::HardwareScheduling),
            32 => Some(Self::PageBasedMemoryManager),
            33 => Some(Self::KernelModeTesting),
            _ => None,
        }
    }
}

/// The only version that any of the features has.
const VERSION: u16 = 1;

/// Whether a feature is enabled on an adapter, or, without one, on the host.
///
/// A feature that is not known is no error: it is just not enabled.
pub(crate) fn answer(number: u32, adapter: Option<&AdapterDescription>) -> Reply {
    let Some(feature) = Feature::from_number(number) else {
        return reply(0, 0);
    };
    let (descriptor, supported) = match (feature, adapter) {
        (Feature::HardwareScheduling, Some(adapter)) => {
            let flags = Reply::DESCRIPTOR_SUPPORTED | Reply::DESCRIPTOR_DRIVER_FEATURE;
            (flags, adapter.hardware_scheduling)
        }
        // Asked without an adapter there is no driver that could have it.
        (Feature::HardwareScheduling, None) => (Reply::DESCRIPTOR_DRIVER_FEATURE, false),
        (Feature::PageBasedMemoryManager, _) => (Reply::DESCRIPTOR_DRIVER_FEATURE, false),
        (Feature::KernelModeTesting, _) => (Reply::DESCRIPTOR_GLOBAL, false),
    };
    let mut result = Reply::RESULT_KNOWN_FEATURE;
    if supported {
        result |= Reply::RESULT_SUPPORTED_BY_DRIVER
            | Reply::RESULT_SUPPORTED_ON_CONFIG
            | Reply::RESULT_ENABLED;
    }
    reply(descriptor, result)
}

fn reply(descriptor_flags: u16, result_flags: u16) -> Reply {
    let known = result_flags & Reply::RESULT_KNOWN_FEATURE != 0;
    let enabled = result_flags & Reply::RESULT_ENABLED != 0;
    let version = |has: bool| if has { VERSION } else { 0 };
    Reply {
        status: 0.into(),
        min_supported_version: version(known).into(),
        max_supported_version: version(known).into(),
        descriptor_flags: descriptor_flags.into(),
        version: version(enabled).into(),
        result_flags: result_flags.into(),
        padding: 0.into(),
    }
}
