// SPDX-License-Identifier: GPL-2.0
//! Turning a plain virtual CPU into one of a Hyper-V partition.

use kvm_bindings::{
    kvm_cpuid_entry2, kvm_enable_cap, kvm_irq_routing_entry, kvm_irq_routing_hv_sint,
};
use kvm_bindings::{kvm_msr_entry, CpuId, Msrs, KVM_CAP_HYPERV_SYNIC2, KVM_IRQ_ROUTING_HV_SINT};
use kvm_ioctls::{Kvm, VcpuFd};
use vm::kvm::IOAPIC_PINS;

use crate::capability::ENFORCE_CPUID;
use crate::synic::VMBUS_SINT;
use crate::{msr, Error, Result};

/// Gives `vcpu` its synthetic interrupt controller, CPUID and registers, in this order: KVM wants the
/// first before interrupts are routed, and looks at the second when the guest uses the others.
pub(crate) fn vcpu(kvm: &Kvm, vcpu: &VcpuFd, index: u32, cpuid: &[kvm_cpuid_entry2]) -> Result<()> {
    let synic = kvm_enable_cap {
        cap: KVM_CAP_HYPERV_SYNIC2,
        ..Default::default()
    };
    vcpu.enable_cap(&synic).map_err(vm::Error::kvm(
        "switch on the synthetic interrupt controller",
    ))?;

    let cpuid = CpuId::from_entries(cpuid)
        .map_err(|error| Error::Unsupported(format!("this many CPUID leaves: {error:?}")))?;
    vcpu.set_cpuid2(&cpuid)
        .map_err(vm::Error::kvm("set the CPUID"))?;
    if kvm.check_extension_raw(ENFORCE_CPUID) > 0 {
        // A forgotten feature bit becomes a visible fault in the guest.
        let mut enforce = kvm_enable_cap {
            cap: ENFORCE_CPUID as u32,
            ..Default::default()
        };
        enforce.args[0] = 1;
        vcpu.enable_cap(&enforce)
            .map_err(vm::Error::kvm("enforce the CPUID"))?;
    }

    let number = kvm_msr_entry {
        index: msr::VP_INDEX,
        data: u64::from(index),
        ..Default::default()
    };
    let mut entries = vec![number];
    entries.extend(vm::boot::boot_msrs());
    set_msrs(vcpu, &entries)
}

fn set_msrs(vcpu: &VcpuFd, entries: &[kvm_msr_entry]) -> Result<()> {
    let msrs = Msrs::from_entries(entries)
        .map_err(|error| Error::Unsupported(format!("this many registers: {error:?}")))?;
    let done = vcpu
        .set_msrs(&msrs)
        .map_err(vm::Error::kvm("set registers"))?;
    match entries.get(done) {
        None => Ok(()),
        Some(refused) => Err(vm::Error::Msr(refused.index).into()),
    }
}

/// The interrupt that carries VMBus messages and events to `vp`.
pub(crate) fn vmbus_gsi(vp: u32) -> u32 {
    IOAPIC_PINS + vp
}

/// The route of that interrupt.
pub(crate) fn vmbus_route(vp: u32) -> kvm_irq_routing_entry {
    let mut entry = kvm_irq_routing_entry {
        gsi: vmbus_gsi(vp),
        type_: KVM_IRQ_ROUTING_HV_SINT,
        ..Default::default()
    };
    entry.u.hv_sint = kvm_irq_routing_hv_sint {
        vcpu: vp,
        sint: VMBUS_SINT,
    };
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vp_has_one_interrupt_after_the_ioapic() {
        let route = vmbus_route(3);
        assert_eq!((route.gsi, route.type_), (27, 4));
        // SAFETY: the member was written by `vmbus_route`.
        let target = unsafe { route.u.hv_sint };
        assert_eq!((target.vcpu, target.sint), (3, 2));
    }
}
