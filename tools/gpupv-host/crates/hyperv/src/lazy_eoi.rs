// SPDX-License-Identifier: GPL-2.0
//! Interrupts that the guest acknowledges without leaving.
//!
//! Each virtual processor names a page, the VP assist page, in which the hypervisor says that the
//! guest may acknowledge the interrupt it just got by clearing a bit there. A hypervisor that never
//! sets the bit is as good: the guest writes its EOI register then. KVM cannot be told to be like
//! this, but what does not learn of the page cannot use it.

use kvm_bindings::{kvm_enable_cap, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER};
use kvm_ioctls::{MsrFilterDefaultAction, MsrFilterRange, MsrFilterRangeFlags, VmFd};

use crate::{msr, Result};

/// Brings the guest's writes of the page's address to user space, which may ignore them.
pub(crate) fn withhold(vm: &VmFd) -> Result<()> {
    let mut exits = kvm_enable_cap {
        cap: KVM_CAP_X86_USER_SPACE_MSR,
        ..Default::default()
    };
    exits.args[0] = u64::from(KVM_MSR_EXIT_REASON_FILTER);
    vm.enable_cap(&exits)
        .map_err(vm::Error::kvm("let registers leave the guest"))?;

    // A clear bit stands for a register that KVM shall not handle.
    let page = MsrFilterRange {
        flags: MsrFilterRangeFlags::WRITE,
        base: msr::VP_ASSIST_PAGE,
        msr_count: 1,
        bitmap: &[0],
    };
    vm.set_msr_filter(MsrFilterDefaultAction::ALLOW, &[page])
        .map_err(vm::Error::kvm("filter registers"))?;
    Ok(())
}
