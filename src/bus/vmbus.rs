// SPDX-License-Identifier: GPL-2.0

//! VMBus channels: one per vGPU, and the global one.

use crate::{
    linux::{
        channel::Offer,
        guid::Guid,
        module::vmbus_id_table,
        vmbus::{
            self,
            DeviceId, //
        },
    },
    registry::{
        Registry,
        REGISTRY, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The device class of the global channel.
const GLOBAL: Guid = Guid::new(
    0xdde9_cbc0,
    0x5060,
    0x4436,
    [0x94, 0x48, 0xea, 0x12, 0x54, 0xa5, 0xd1, 0x77],
);

/// The device class of the vGPU channels.
const VGPU: Guid = Guid::new(
    0x6e38_2d18,
    0x3336,
    0x4f4b,
    [0xac, 0xc4, 0x2b, 0x77, 0x03, 0xd4, 0xdf, 0x4a],
);

vmbus_id_table!(
    VMBUS_TABLE,
    VMBUS_ALIAS,
    [DeviceId::from_class(GLOBAL), DeviceId::from_class(VGPU)]
);

/// The VMBus driver, and its data per channel.
pub(crate) struct ChannelDevice {
    registry: Arc<Registry>,
    offer: Arc<Offer>,
}

impl vmbus::Driver for ChannelDevice {
    type Data = Self;
    const ID_TABLE: vmbus::IdTable = &VMBUS_TABLE;

    fn probe(offer: &Arc<Offer>) -> Result<Self> {
        let registry = REGISTRY.get().ok_or(ENODEV)?;

        if offer.class() == GLOBAL {
            registry.set_global(offer.clone())?;
        } else {
            registry.add_channel(offer.clone())?;
        }
        Ok(Self {
            registry,
            offer: offer.clone(),
        })
    }

    fn remove(this: &Self) {
        if this.offer.class() == GLOBAL {
            this.registry.remove_global(&this.offer);
        } else {
            this.registry.remove_channel(&this.offer);
        }
    }

    fn suspend(this: &Self) {
        if this.offer.class() == GLOBAL {
            this.registry.suspend_global(&this.offer);
        } else {
            this.registry.suspend_channel(&this.offer);
        }
    }

    fn resume(this: &Self) {
        if this.offer.class() == GLOBAL {
            this.registry.resume_global(&this.offer);
        } else {
            this.registry.resume_channel(&this.offer);
        }
    }
}
