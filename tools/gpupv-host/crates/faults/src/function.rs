// SPDX-License-Identifier: GPL-2.0
//! The way to the registers of a PCI function through the layer.

use std::sync::Arc;

use vm::pci::PciFunction;

use crate::layer::Inner;

/// The register that has the interface version.
const VERSION: u8 = 0xD0;

/// A PCI function with the layer in front of it.
pub(crate) struct FaultyFunction {
    inner: Box<dyn PciFunction>,
    adapter: usize,
    faults: Arc<Inner>,
}

impl FaultyFunction {
    pub(crate) fn new(inner: Box<dyn PciFunction>, adapter: usize, faults: Arc<Inner>) -> Self {
        Self {
            inner,
            adapter,
            faults,
        }
    }
}

impl PciFunction for FaultyFunction {
    fn read(&mut self, register: u8) -> u32 {
        let value = self.inner.read(register);
        if register & !3 != VERSION {
            return value;
        }
        let odd = self.faults.odd_version(self.adapter);
        let excuses = self.faults.excuses();
        excuses.odd_version(self.adapter, odd.is_some());
        odd.unwrap_or(value)
    }

    fn write(&mut self, register: u8, value: u32, byte_mask: u8) {
        self.inner.write(register, value, byte_mask);
    }
}
