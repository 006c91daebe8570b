// SPDX-License-Identifier: GPL-2.0
//! The registers with which the virtual CPUs start.

use kvm_bindings::{kvm_msr_entry, kvm_regs, kvm_segment};
use kvm_ioctls::VcpuFd;

use super::Entry;
use crate::{Error, Result};

const CR0_PROTECTED: u64 = 1;
/// The extension type bit, which is always one.
const CR0_EXTENSION_TYPE: u64 = 1 << 4;
/// Bit 1 of the flags is always one.
const FLAGS: u64 = 2;

const MTRR_DEFAULT_TYPE: u32 = 0x2FF;
/// Enabled, write-back.
const MTRR_WRITE_BACK: u64 = 0x806;
const MISC_ENABLE: u32 = 0x1A0;
const MISC_ENABLE_FAST_STRINGS: u64 = 1;

/// The registers that every virtual CPU gets at power on.
pub fn boot_msrs() -> [kvm_msr_entry; 2] {
    let entry = |index, data| kvm_msr_entry {
        index,
        data,
        ..Default::default()
    };
    [
        entry(MTRR_DEFAULT_TYPE, MTRR_WRITE_BACK),
        entry(MISC_ENABLE, MISC_ENABLE_FAST_STRINGS),
    ]
}

/// A flat segment of 4 GiB.
fn flat(selector: u16, kind: u8) -> kvm_segment {
    kvm_segment {
        limit: 0xFFFF_FFFF,
        selector,
        type_: kind,
        present: 1,
        db: 1,
        s: 1,
        g: 1,
        ..Default::default()
    }
}

/// Puts `vcpu` where the PVH protocol starts: protected mode, no paging, start info in EBX.
///
/// # Errors
///
/// [`Error::Kvm`] when KVM refuses.
pub fn enter(vcpu: &VcpuFd, entry: Entry) -> Result<()> {
    const EXECUTE_READ_ACCESSED: u8 = 0xB;
    const READ_WRITE_ACCESSED: u8 = 3;
    const BUSY_TASK: u8 = 0xB;

    let mut sregs = vcpu
        .get_sregs()
        .map_err(Error::kvm("read segment registers"))?;
    sregs.cs = flat(0x10, EXECUTE_READ_ACCESSED);
    let data = flat(0x18, READ_WRITE_ACCESSED);
    (sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss) = (data, data, data, data, data);
    sregs.tr = kvm_segment {
        limit: 0x67,
        type_: BUSY_TASK,
        present: 1,
        ..Default::default()
    };
    sregs.cr0 = CR0_PROTECTED | CR0_EXTENSION_TYPE;
    sregs.cr4 = 0;
    sregs.efer = 0;
    vcpu.set_sregs(&sregs)
        .map_err(Error::kvm("set segment registers"))?;

    let regs = kvm_regs {
        rip: entry.entry,
        rbx: entry.start_info,
        rflags: FLAGS,
        ..Default::default()
    };
    vcpu.set_regs(&regs).map_err(Error::kvm("set registers"))
}
