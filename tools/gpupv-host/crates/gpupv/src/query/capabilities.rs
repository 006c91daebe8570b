// SPDX-License-Identifier: GPL-2.0
//! What an adapter can do, one word for each version of the driver model.
//!
//! The words say what this host does: each process has its GPU addresses; engines turn to another
//! context between two commands; a device is stopped without the others; adapters may go at any time.
//! There are no displays, and adapters do not read each other's resources.

use super::{change, only_physical_adapter, put};
use crate::adapter::{AdapterDescription, AdapterKind};
use crate::status::NtStatus;
use crate::wire::query_data::{
    CrossAdapterResourceSupport, DriverCapsExt, Paravirtualization, QueryGpuMmuCaps, Wddm12Caps,
    Wddm13Caps, Wddm20Caps, Wddm27Caps, Wddm29Caps, Wddm30Caps, Wddm31Caps,
};

/// How many bits a GPU address has: those of fences lie above those of memory.
const ADDRESS_BITS: u32 = 48;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capability {
    Wddm12,
    Wddm13,
    Wddm20,
    DriverExt,
    GpuMmu,
    Paravirtualization,
    Wddm27,
    Wddm29,
    CrossAdapterResource,
    Wddm30,
    Wddm31,
}

impl Capability {
    pub(super) fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            17 | 58 => Self::Wddm12,
            22 | 59 => Self::Wddm13,
            24 => Self::Wddm20,
            32 => Self::DriverExt,
            34 => Self::GpuMmu,
            68 => Self::Paravirtualization,
            70 => Self::Wddm27,
            75 => Self::Wddm29,
            76 => Self::CrossAdapterResource,
            77 => Self::Wddm30,
            80 => Self::Wddm31,
            _ => return None,
        })
    }
}

/// Answers a query for a capability in place.
pub(super) fn answer(
    adapter: &AdapterDescription,
    capability: Capability,
    data: &mut [u8],
) -> Result<(), NtStatus> {
    let none = 0.into();
    match capability {
        Capability::Wddm12 => {
            let graphics = match adapter.kind {
                AdapterKind::Render => Wddm12Caps::GRAPHICS_DMA_BUFFER_BOUNDARY,
                AdapterKind::ComputeOnly => Wddm12Caps::PREEMPTION_NONE,
            };
            let caps = Wddm12Caps {
                graphics_preemption_granularity: graphics.into(),
                compute_preemption_granularity: Wddm12Caps::COMPUTE_DISPATCH_BOUNDARY.into(),
                value: Wddm12Caps::SUPPORT_PER_ENGINE_TDR.into(),
            };
            put(data, &caps)
        }
        Capability::Wddm13 => {
            let value = match adapter.dedicated_memory {
                0 => Wddm13Caps::IS_HYBRID_INTEGRATED_GPU,
                _ => Wddm13Caps::IS_HYBRID_DISCRETE_GPU,
            };
            let value = value.into();
            put(data, &Wddm13Caps { value })
        }
        Capability::Wddm20 => {
            let value = Wddm20Caps::GPU_MMU_SUPPORTED | Wddm20Caps::SUPPORT_SURPRISE_REMOVAL;
            let value = value.into();
            put(data, &Wddm20Caps { value })
        }
        Capability::DriverExt => put(data, &DriverCapsExt { value: none }),
        Capability::GpuMmu => change(data, |caps: &mut QueryGpuMmuCaps| {
            only_physical_adapter(caps.physical_adapter_index.get())?;
            let flags = QueryGpuMmuCaps::READ_ONLY_MEMORY_SUPPORTED
                | QueryGpuMmuCaps::CACHE_COHERENT_MEMORY_SUPPORTED;
            caps.flags = flags.into();
            caps.virtual_address_bit_count = ADDRESS_BITS.into();
            Ok(())
        }),
        Capability::Paravirtualization => {
            let secure_container = adapter.secure.into();
            put(data, &Paravirtualization { secure_container })
        }
        Capability::Wddm27 => {
            let value = match adapter.hardware_scheduling {
                true => {
                    Wddm27Caps::HW_SCH_SUPPORTED
                        | Wddm27Caps::HW_SCH_ENABLED
                        | Wddm27Caps::HW_SCH_ENABLED_BY_DEFAULT
                }
                false => 0,
            };
            let value = value.into();
            put(data, &Wddm27Caps { value })
        }
        Capability::Wddm29 => {
            let value = match adapter.hardware_scheduling {
                true => Wddm29Caps::HW_SCH_SUPPORT_STABLE | Wddm29Caps::HW_SCH_ENABLED,
                false => 0,
            };
            let value = value.into();
            put(data, &Wddm29Caps { value })
        }
        Capability::CrossAdapterResource => {
            put(data, &CrossAdapterResourceSupport { support_tier: none })
        }
        Capability::Wddm30 => put(data, &Wddm30Caps { value: none }),
        Capability::Wddm31 => put(data, &Wddm31Caps { value: none }),
    }
}
