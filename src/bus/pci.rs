// SPDX-License-Identifier: GPL-2.0

//! PCI functions: one per adapter. Only configuration space is used, where the host provides a
//! block that identifies the channel of the function, and where the version of the protocol is
//! negotiated.

use crate::{
    linux::{
        guid::Guid,
        module::{
            pci_id_table,
            PciMatch, //
        },
        pci_config::ConfigWords, //
    },
    objects::adapter::{
        Identity,
        Negotiated, //
    },
    registry::{
        Negotiation,
        Registry,
        REGISTRY, //
    },
    wire::{
        InterfaceVersion,
        Luid, //
    },
};
use kernel::{
    device::{
        Bound,
        Core, //
    },
    pci,
    prelude::*,
    sync::Arc, //
};

/// The PCI device id of a vGPU that can render.
const VIRTUAL_RENDER: u32 = 0x008E;
/// The PCI device id of a vGPU that can only compute.
const COMPUTE_ACCELERATOR: u32 = 0x008A;

/// The offset of the instance GUID of the vGPU channel, 16 bytes (read).
const INSTANCE: u16 = 0xC0;
/// The offset of the newest version that the host supports (read) and of the chosen version
/// (write).
const VERSION: u16 = 0xD0;
/// The offset of the LUID of the vGPU on the host, 8 bytes (read).
const VGPU_LUID: u16 = 0xD4;
/// The offset of the guest's capabilities (write); the same as [`VGPU_LUID`].
const GUEST_CAPS: u16 = 0xD4;

/// The offset of the host's capabilities (read).
const HOST_CAPS: u16 = 0xDC;

/// The guest behaves like WSL.
const GUEST_CAP_WSL2: u32 = 1 << 0;

/// The host can use memory of programs if it is told the page frame numbers.
const HOST_CAP_MAPS_PAGES: u32 = 1 << 0;

pci_id_table!(
    PCI_TABLE,
    PCI_ALIAS,
    [
        pci::DeviceId::from_id(pci::Vendor::MICROSOFT, VIRTUAL_RENDER),
        pci::DeviceId::from_id(pci::Vendor::MICROSOFT, COMPUTE_ACCELERATOR),
    ]
);

/// The PCI driver, and its data per function.
pub(crate) struct Function {
    registry: Arc<Registry>,
    /// The number of the function in the registry.
    number: u64,
}

impl Function {
    fn bind(device: &pci::Device<Bound>) -> Result<Self> {
        let registry = REGISTRY.get().ok_or(ENODEV)?;
        let config = ConfigWords::new(device);
        let compute_only = u32::from(device.device_id()) == COMPUTE_ACCELERATOR;
        let identity = registry
            .function_arrives(|negotiation| identify(&config, negotiation, compute_only))?;
        let number = registry
            .add_function(identity)
            .inspect_err(|_| registry.function_gone())?;

        Ok(Self { registry, number })
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.registry.remove_function(self.number);
        self.registry.function_gone();
    }
}

impl pci::Driver for Function {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        device: &'bound pci::Device<Core<'_>>,
        _matched: PciMatch<'bound, Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        Self::bind(device).inspect_err(|error| {
            dev_warn!(device, "not a usable vGPU: {}\n", error.to_errno());
        })
    }
}

/// Negotiates a version and capabilities. Called if no earlier function has done so.
fn negotiate(config: &ConfigWords<'_>) -> Result<Negotiated> {
    config.write(GUEST_CAPS, GUEST_CAP_WSL2)?;

    // An access that fails means that the host is older than the register.
    let register = config.read(VERSION).unwrap_or(0);
    let version = InterfaceVersion::for_host(register);

    if version.is_extended() {
        config.write(VERSION, version.number())?;
    }

    // A host without the register has none of the capabilities.
    let caps = if version.is_extended() {
        config.read(HOST_CAPS).unwrap_or(0)
    } else {
        0
    };

    Ok(Negotiated {
        version,
        maps_pages: caps & HOST_CAP_MAPS_PAGES != 0,
    })
}

/// Reads the identity of one function, and negotiates first if needed.
fn identify(
    config: &ConfigWords<'_>,
    negotiation: &mut Negotiation,
    compute_only: bool,
) -> Result<Identity> {
    let negotiated = match negotiation.negotiated {
        Some(negotiated) => negotiated,
        None => negotiate(config)?,
    };
    let mut instance = [0; 16];

    for (offset, bytes) in (INSTANCE..).step_by(4).zip(instance.chunks_exact_mut(4)) {
        bytes.copy_from_slice(&config.read(offset)?.to_le_bytes());
    }
    // All ones mean that the function is gone, as the bus answers for it. Probing must fail then,
    // as the adapter could never be started.
    if instance == [0xFF; 16] {
        return Err(ENODEV);
    }

    let vgpu = if negotiated.version.is_extended() {
        Luid {
            a: config.read(VGPU_LUID)?,
            b: config.read(VGPU_LUID + 4)?,
        }
    } else {
        Luid::default()
    };

    negotiation.negotiated = Some(negotiated);
    Ok(Identity {
        luid: Luid::from_instance(Guid::from_bytes(instance)),
        vgpu,
        compute_only,
        negotiated,
    })
}
