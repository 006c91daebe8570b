// SPDX-License-Identifier: GPL-2.0
//! Can this machine's KVM run a Hyper-V guest?

use std::fmt;

use kvm_ioctls::Kvm;

const SYNIC2: u64 = 148;
const VP_INDEX: u64 = 149;
const EVENTFD: u64 = 154;
const SYS_CPUID: u64 = 191;
const IRQFD_RESAMPLE: u64 = 82;
pub(crate) const ENFORCE_CPUID: u64 = 199;

/// Something that KVM lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    capability: u64,
    meaning: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} (KVM capability {})",
            self.meaning, self.capability
        )
    }
}

const REQUIRED: [Missing; 5] = [
    Missing {
        capability: SYNIC2,
        meaning: "Hyper-V's synthetic interrupt controller",
    },
    Missing {
        capability: EVENTFD,
        meaning: "Hyper-V event signals",
    },
    Missing {
        capability: VP_INDEX,
        meaning: "settable Hyper-V processor numbers",
    },
    Missing {
        capability: SYS_CPUID,
        meaning: "the list of its Hyper-V features",
    },
    Missing {
        capability: IRQFD_RESAMPLE,
        meaning: "acknowledged interrupt lines",
    },
];

/// What `kvm` lacks to run a Hyper-V guest directly. Empty when it can.
pub fn missing_for_direct_use(kvm: &Kvm) -> Vec<Missing> {
    missing(|capability| kvm.check_extension_raw(capability) > 0)
}

fn missing(has: impl Fn(u64) -> bool) -> Vec<Missing> {
    REQUIRED
        .into_iter()
        .filter(|required| !has(required.capability))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert!(missing(|_| true).is_empty());
        let without = missing(|capability| capability != EVENTFD);
        assert_eq!(without.len(), 1);
        assert_eq!(
            without[0].to_string(),
            "Hyper-V event signals (KVM capability 154)"
        );
    }

    #[test]
    fn numbers_are_those_of_the_specification() {
        let csv = crate::cpuid::tests::constants();
        for (name, number) in [
            ("hyperv_synic2", SYNIC2),
            ("hyperv_vp_index", VP_INDEX),
            ("hyperv_eventfd", EVENTFD),
            ("sys_hyperv_cpuid", SYS_CPUID),
            ("irqfd_resample", IRQFD_RESAMPLE),
            ("hyperv_enforce_cpuid", ENFORCE_CPUID),
        ] {
            assert_eq!(csv.get(&format!("kvm_cap,{name}")), Some(&number), "{name}");
        }
    }
}
