// SPDX-License-Identifier: GPL-2.0
//! The CPUID leaves that make a guest believe it runs on Hyper-V, as data.

use kvm_bindings::kvm_cpuid_entry2;

use crate::{Error, Result};

/// Offered privileges, low half (leaf 0x40000003, EAX).
mod privilege {
    pub(super) const REFERENCE_COUNTER: u32 = 1 << 1;
    pub(super) const SYNIC: u32 = 1 << 2;
    pub(super) const APIC: u32 = 1 << 4;
    pub(super) const HYPERCALL: u32 = 1 << 5;
    pub(super) const VP_INDEX: u32 = 1 << 6;
    pub(super) const REFERENCE_TSC: u32 = 1 << 9;
    pub(super) const FREQUENCY: u32 = 1 << 11;
}

/// Offered privileges, high half (leaf 0x40000003, EBX).
mod privilege_high {
    pub(super) const POST_MESSAGES: u32 = 1 << 4;
    pub(super) const SIGNAL_EVENTS: u32 = 1 << 5;
}

/// Offered features (leaf 0x40000003, EDX).
mod feature {
    pub(super) const FREQUENCY: u32 = 1 << 8;
    pub(super) const CRASH: u32 = 1 << 10;
}

/// Recommendations (leaf 0x40000004, EAX).
mod hint {
    pub(super) const APIC_MSRS: u32 = 1 << 3;
    pub(super) const RELAXED_TIMING: u32 = 1 << 5;
    /// Without it the guest would use automatic end of interrupt, for which KVM gives up hardware
    /// acceleration of the whole machine's interrupts.
    pub(super) const NO_AUTO_EOI: u32 = 1 << 9;
}

const PRIVILEGES: u32 = privilege::REFERENCE_COUNTER
    | privilege::SYNIC
    | privilege::APIC
    | privilege::HYPERCALL
    | privilege::VP_INDEX
    | privilege::REFERENCE_TSC
    | privilege::FREQUENCY;
const PRIVILEGES_HIGH: u32 = privilege_high::POST_MESSAGES | privilege_high::SIGNAL_EVENTS;
const FEATURES: u32 = feature::FREQUENCY | feature::CRASH;
const HINTS: u32 = hint::APIC_MSRS | hint::RELAXED_TIMING | hint::NO_AUTO_EOI;

/// A Windows build that every guest takes for recent, and version 10.0.
const BUILD: u32 = 26100;
const VERSION: u32 = 10 << 16;
/// Never report long waits for a spin lock.
const NO_SPIN_REPORTS: u32 = u32::MAX;
const LIMIT_LOGICAL_PROCESSORS: u32 = 64;

const FEATURES_LEAF: u32 = 0x4000_0003;
const HINTS_LEAF: u32 = 0x4000_0004;

/// Four characters, the way CPUID returns them.
const fn text(four: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*four)
}

/// The leaves for a machine with `cpus` virtual CPUs: function, then EAX, EBX, ECX, EDX.
fn table(cpus: u32) -> [(u32, [u32; 4]); 10] {
    [
        (
            0x4000_0000,
            [0x4000_0006, text(b"Micr"), text(b"osof"), text(b"t Hv")],
        ),
        (0x4000_0001, [text(b"Hv#1"), 0, 0, 0]),
        (0x4000_0002, [BUILD, VERSION, 0, 0]),
        (FEATURES_LEAF, [PRIVILEGES, PRIVILEGES_HIGH, 0, FEATURES]),
        (HINTS_LEAF, [HINTS, NO_SPIN_REPORTS, 0, 0]),
        (0x4000_0005, [cpus, LIMIT_LOGICAL_PROCESSORS, 0, 0]),
        (0x4000_0006, [0, 0, 0, 0]),
        // The guest reads the last one without looking at the limits. Left out, an Intel CPU would
        // answer with an unrelated leaf.
        (
            0x4000_0080,
            [0x4000_0082, text(b"Micr"), text(b"osof"), text(b"t VS")],
        ),
        (0x4000_0081, [text(b"VS#1"), 0, 0, 0]),
        (0x4000_0082, [0, 0, 0, 0]),
    ]
}

/// Builds the leaves for a machine with `cpus` virtual CPUs out of what KVM can serve.
///
/// # Errors
///
/// [`Error::Unsupported`] names the feature bits that KVM lacks.
pub fn leaves(cpus: u32, supported: &[kvm_cpuid_entry2]) -> Result<Vec<kvm_cpuid_entry2>> {
    let can = |function: u32| {
        supported
            .iter()
            .find(|entry| entry.function == function)
            .map_or([0; 4], |entry| [entry.eax, entry.ebx, entry.ecx, entry.edx])
    };
    let features = can(FEATURES_LEAF);
    let lacking = [
        ("privileges", PRIVILEGES & !features[0]),
        ("privileges (high half)", PRIVILEGES_HIGH & !features[1]),
        ("features", FEATURES & !features[3]),
        ("recommendations", HINTS & !can(HINTS_LEAF)[0]),
    ];
    let lacking: Vec<_> = lacking
        .into_iter()
        .filter(|(_, bits)| *bits != 0)
        .map(|(what, bits)| format!("Hyper-V {what} {bits:#x}"))
        .collect();
    if !lacking.is_empty() {
        return Err(Error::Unsupported(lacking.join(", ")));
    }
    Ok(table(cpus)
        .into_iter()
        .map(|(function, [eax, ebx, ecx, edx])| kvm_cpuid_entry2 {
            function,
            eax,
            ebx,
            ecx,
            edx,
            ..Default::default()
        })
        .collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The numbers of the specification, by "group,name".
    pub(crate) fn constants() -> BTreeMap<String, u64> {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../../Documentation/spec/hyperv-constants.csv"
        );
        std::fs::read_to_string(path)
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| {
                let (key, value) = line.rsplit_once(',').unwrap();
                let value = match value.strip_prefix("0x") {
                    Some(digits) => u64::from_str_radix(digits, 16),
                    None => value.parse(),
                };
                (key.to_owned(), value.unwrap())
            })
            .collect()
    }

    /// What a real KVM answered (specification, 1.6).
    fn kvm() -> [kvm_cpuid_entry2; 2] {
        [
            kvm_cpuid_entry2 {
                function: FEATURES_LEAF,
                eax: 0xAAFF,
                ebx: 0x0010_0830,
                edx: 0x0008_4D12,
                ..Default::default()
            },
            kvm_cpuid_entry2 {
                function: HINTS_LEAF,
                eax: 0x0004_0E2C,
                ebx: 0xFFF,
                ..Default::default()
            },
        ]
    }

    #[test]
    fn leaves_are_those_of_the_specification() {
        let constants = constants();
        let mut compared = 0;
        for entry in leaves(2, &kvm()).unwrap() {
            let registers = [
                ("eax", entry.eax),
                ("ebx", entry.ebx),
                ("ecx", entry.ecx),
                ("edx", entry.edx),
            ];
            for (register, value) in registers {
                let key = format!("cpuid,{:#x}_{register}", entry.function);
                if let Some(expected) = constants.get(&key) {
                    assert_eq!(u64::from(value), *expected, "{key}");
                    compared += 1;
                }
            }
        }
        let listed = constants
            .keys()
            .filter(|key| key.starts_with("cpuid,"))
            .count();
        assert_eq!(compared, listed);
    }

    #[test]
    fn bits_that_kvm_lacks_are_named() {
        let mut supported = kvm();
        supported[0].eax &= !privilege::SYNIC;
        supported[1].eax &= !hint::NO_AUTO_EOI;
        assert_eq!(
            leaves(1, &supported).unwrap_err().to_string(),
            "this KVM does not implement Hyper-V privileges 0x4, Hyper-V recommendations 0x200"
        );
        assert!(leaves(1, &[]).is_err());
    }
}
