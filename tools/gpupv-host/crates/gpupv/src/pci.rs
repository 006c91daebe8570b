// SPDX-License-Identifier: GPL-2.0
//! The PCI function of a vGPU: a header, and the block of registers that leads to the channel.

use std::sync::{Arc, Mutex};

use vm::pci::PciFunction;

use crate::adapter::{AdapterDescription, AdapterKind};
use crate::host::{lock, Shared};
use crate::identity::Identity;

const VENDOR_MICROSOFT: u16 = 0x1414;
const DEVICE_RENDER: u16 = 0x008E;
const DEVICE_COMPUTE: u16 = 0x008A;
/// 3D controller.
const CLASS: u32 = 0x03_02_00;

/// The bits of the command register that can be set: I/O, memory, master, parity, SERR, no INTx.
const COMMAND_BITS: u32 = 0x0547;

mod register {
    pub(super) const IDS: u8 = 0x00;
    pub(super) const COMMAND_STATUS: u8 = 0x04;
    pub(super) const CLASS_REVISION: u8 = 0x08;
    pub(super) const SUBSYSTEM: u8 = 0x2C;
    pub(super) const INTERRUPT: u8 = 0x3C;
    pub(super) const INSTANCE: u8 = 0xC0;
    pub(super) const INSTANCE_LAST: u8 = 0xCC;
    pub(super) const VERSION: u8 = 0xD0;
    /// Read: the vGPU's LUID. Write to its first half: the guest's capabilities.
    pub(super) const LUID_LOW: u8 = 0xD4;
    pub(super) const LUID_HIGH: u8 = 0xD8;
    pub(super) const HOST_CAPS: u8 = 0xDC;
}

/// What the registers say of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostConfigBlock {
    /// The version register: the newest interface version, or 0 on a host that has no such register.
    pub version_register: u32,
    /// The host capabilities register.
    pub host_caps: u32,
}

impl HostConfigBlock {
    /// The guest's pages may be handed over as lists of page numbers.
    pub const CAP_MAP_GUEST_MEMORY: u32 = 1;
    /// The newest interface version that there is.
    pub const CURRENT_VERSION: u32 = 40;
    /// What a guest speaks when the version register reads 0.
    pub const FALLBACK_VERSION: u32 = 27;

    /// The version that a guest must come to.
    pub fn effective_version(&self) -> u32 {
        match self.version_register {
            0 => Self::FALLBACK_VERSION,
            version => version.min(Self::CURRENT_VERSION),
        }
    }
}

/// The PCI function of one vGPU.
pub struct VgpuFunction {
    adapter: AdapterDescription,
    identity: Identity,
    block: HostConfigBlock,
    shared: Arc<Mutex<Shared>>,
    command: u32,
    interrupt_line: u32,
}

impl VgpuFunction {
    pub(crate) fn new(
        adapter: AdapterDescription,
        identity: Identity,
        block: HostConfigBlock,
        shared: Arc<Mutex<Shared>>,
    ) -> Self {
        Self {
            adapter,
            identity,
            block,
            shared,
            command: 0,
            interrupt_line: 0,
        }
    }

    fn instance_register(&self, register: u8) -> u32 {
        let bytes = self.identity.instance.to_bytes_le();
        let at = usize::from(register - register::INSTANCE);
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    /// The vGPU's LUID; hosts below version 40 do not have it here.
    fn luid_register(&self, register: u8) -> u32 {
        if self.block.effective_version() < HostConfigBlock::CURRENT_VERSION {
            0
        } else if register == register::LUID_LOW {
            self.identity.vgpu_luid.a.get()
        } else {
            self.identity.vgpu_luid.b.get()
        }
    }

    fn version_written(&self, version: u32) {
        let mut shared = lock(&self.shared);
        let effective = self.block.effective_version();
        if version != HostConfigBlock::CURRENT_VERSION || version != effective {
            shared.report.excused = shared.excuses.has_odd_version();
            shared.report.violation(format!(
                "interface version {version} written, {effective} is spoken"
            ));
            shared.report.excused = false;
        }
        shared.report.pci.version_written = Some(version);
    }

    fn caps_written(&self, caps: u32) {
        lock(&self.shared).report.pci.guest_caps = Some(caps);
    }
}

fn ids(vendor: u16, device: u16) -> u32 {
    (u32::from(device) << 16) | u32::from(vendor)
}

impl PciFunction for VgpuFunction {
    fn read(&mut self, register: u8) -> u32 {
        match register & !3 {
            register::IDS => ids(
                VENDOR_MICROSOFT,
                match self.adapter.kind {
                    AdapterKind::Render => DEVICE_RENDER,
                    AdapterKind::ComputeOnly => DEVICE_COMPUTE,
                },
            ),
            register::COMMAND_STATUS => self.command,
            register::CLASS_REVISION => CLASS << 8,
            register::SUBSYSTEM => ids(self.adapter.vendor, self.adapter.device),
            register::INTERRUPT => self.interrupt_line,
            register @ register::INSTANCE..=register::INSTANCE_LAST => {
                self.instance_register(register)
            }
            register::VERSION => self.block.version_register,
            register @ (register::LUID_LOW | register::LUID_HIGH) => self.luid_register(register),
            register::HOST_CAPS => self.block.host_caps,
            // Header type 0, no BARs, no ROM, no capabilities.
            _ => 0,
        }
    }

    fn write(&mut self, register: u8, value: u32, byte_mask: u8) {
        let bits = (0..4)
            .filter(|byte| byte_mask & (1 << byte) != 0)
            .fold(0, |bits, byte| bits | (0xFF << (8 * byte)));
        match register & !3 {
            register::COMMAND_STATUS => {
                let bits = bits & COMMAND_BITS;
                self.command = (self.command & !bits) | (value & bits);
            }
            register::INTERRUPT => {
                let bits = bits & 0xFF;
                self.interrupt_line = (self.interrupt_line & !bits) | (value & bits);
            }
            register::VERSION => self.version_written(value & bits),
            // The LUID shares its place with the capabilities, and a write must not change it.
            register::LUID_LOW => self.caps_written(value & bits),
            _ => {}
        }
    }
}
