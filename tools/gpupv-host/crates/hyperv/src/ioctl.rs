// SPDX-License-Identifier: GPL-2.0
//! The two KVM calls that the KVM crate does not have.

use std::io;
use std::os::fd::AsRawFd;

use kvm_bindings::{
    kvm_cpuid2, kvm_cpuid_entry2, kvm_hyperv_eventfd, CpuId, KVMIO, KVM_HYPERV_EVENTFD_DEASSIGN,
};
use kvm_ioctls::{Kvm, VmFd};
use vmm_sys_util::eventfd::EventFd;
use vmm_sys_util::ioctl::{ioctl_with_mut_ptr, ioctl_with_ref};
use vmm_sys_util::{ioctl_iow_nr, ioctl_iowr_nr};

ioctl_iow_nr!(KVM_HYPERV_EVENTFD, KVMIO, 0xBD, kvm_hyperv_eventfd);
ioctl_iowr_nr!(KVM_GET_SUPPORTED_HV_CPUID, KVMIO, 0xC1, kvm_cpuid2);

/// Room for more leaves than KVM has, so that it never has to refuse.
const MAX_LEAVES: usize = 32;

/// Lists the Hyper-V leaves that KVM can serve.
pub(crate) fn supported_leaves(kvm: &Kvm) -> io::Result<Vec<kvm_cpuid_entry2>> {
    let mut leaves =
        CpuId::new(MAX_LEAVES).map_err(|error| io::Error::other(format!("{error:?}")))?;
    // SAFETY: the file is KVM's system file, the number is that of this call, and the pointer leads
    // to a header with room for as many entries as it says.
    let result = unsafe {
        ioctl_with_mut_ptr(
            kvm,
            KVM_GET_SUPPORTED_HV_CPUID(),
            leaves.as_mut_fam_struct_ptr(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(leaves.as_slice().to_vec())
}

/// Completes SIGNAL_EVENT on `connection` in the kernel, by counting up `event`.
pub(crate) fn assign_event(vm: &VmFd, connection: u32, event: &EventFd) -> io::Result<()> {
    hyperv_eventfd(vm, connection, event, 0)
}

/// Undoes [`assign_event`].
pub(crate) fn deassign_event(vm: &VmFd, connection: u32, event: &EventFd) -> io::Result<()> {
    hyperv_eventfd(vm, connection, event, KVM_HYPERV_EVENTFD_DEASSIGN)
}

fn hyperv_eventfd(vm: &VmFd, connection: u32, event: &EventFd, flags: u32) -> io::Result<()> {
    let argument = kvm_hyperv_eventfd {
        conn_id: connection,
        fd: event.as_raw_fd(),
        flags,
        ..Default::default()
    };
    // SAFETY: the file is a machine's file, the number is that of this call, and the kernel reads
    // the argument during the call only. It takes its own reference to the eventfd.
    match unsafe { ioctl_with_ref(vm, KVM_HYPERV_EVENTFD(), &argument) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_match_the_interface() {
        assert_eq!(KVM_HYPERV_EVENTFD(), 0x4018_AEBD);
        assert_eq!(KVM_GET_SUPPORTED_HV_CPUID(), 0xC008_AEC1);
    }
}
