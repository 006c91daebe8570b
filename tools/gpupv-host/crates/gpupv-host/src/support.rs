// SPDX-License-Identifier: GPL-2.0
//! Directly or nested: what this machine can do.

use kvm_ioctls::Kvm;

/// Why the guest cannot run directly here; `None` if it can.
pub(crate) fn obstacle() -> Option<String> {
    let kvm = match Kvm::new() {
        Ok(kvm) => kvm,
        Err(error) => return Some(format!("/dev/kvm cannot be opened: {error}")),
    };
    let missing: Vec<_> = hyperv::missing_for_direct_use(&kvm)
        .iter()
        .map(ToString::to_string)
        .collect();
    (!missing.is_empty()).then(|| format!("KVM lacks {}", missing.join(", ")))
}
