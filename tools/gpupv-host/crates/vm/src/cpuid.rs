// SPDX-License-Identifier: GPL-2.0
//! The CPUID that does not depend on the hypervisor's brand: what KVM supports, with the identity
//! and topology of each virtual CPU.

use kvm_bindings::kvm_cpuid_entry2;

/// Where hypervisors describe themselves. KVM's own leaves must not be seen: a guest that finds them
/// prefers them to Hyper-V's.
const HYPERVISOR_LEAVES: std::ops::RangeInclusive<u32> = 0x4000_0000..=0x4000_FFFF;

/// Leaf 1, ECX.
const VMX: u32 = 1 << 5;
const TSC_DEADLINE: u32 = 1 << 24;
const HYPERVISOR: u32 = 1 << 31;
/// Leaf 1, EDX.
const HYPERTHREADING: u32 = 1 << 28;
/// Leaf 0x80000001, ECX.
const SVM: u32 = 1 << 2;

/// A table under construction.
#[derive(Clone, Debug)]
pub struct CpuidTable {
    entries: Vec<kvm_cpuid_entry2>,
}

impl CpuidTable {
    /// Starts from what KVM supports. `tsc_deadline` says whether KVM has the deadline timer, which
    /// older kernels do not list.
    pub fn new(supported: &[kvm_cpuid_entry2], tsc_deadline: bool) -> Self {
        let entries = supported
            .iter()
            .filter(|entry| !HYPERVISOR_LEAVES.contains(&entry.function))
            .copied()
            .map(|mut entry| {
                match entry.function {
                    1 => {
                        entry.ecx = entry.ecx & !VMX | HYPERVISOR;
                        if tsc_deadline {
                            entry.ecx |= TSC_DEADLINE;
                        }
                    }
                    0x8000_0001 => entry.ecx &= !SVM,
                    _ => {}
                }
                entry
            })
            .collect();
        Self { entries }
    }

    /// How many bits a physical address has.
    pub fn address_bits(&self) -> u32 {
        const WITHOUT_LEAF: u32 = 36;
        self.entries
            .iter()
            .find(|entry| entry.function == 0x8000_0008)
            .map_or(WITHOUT_LEAF, |entry| entry.eax & 0xFF)
    }

    /// The table of virtual CPU `index` of `count`, with the hypervisor's `leaves`. APIC ids are
    /// numbered as the CPUs, each CPU is a core of one socket.
    pub fn for_vcpu(
        &self,
        index: u32,
        count: u32,
        leaves: &[kvm_cpuid_entry2],
    ) -> Vec<kvm_cpuid_entry2> {
        let mut entries: Vec<_> = self
            .entries
            .iter()
            // Replaced as a whole below.
            .filter(|entry| !matches!(entry.function, 0xB | 0x1F))
            .copied()
            .map(|entry| with_identity(entry, index, count))
            .collect();
        for function in [0xB, 0x1F] {
            if self.entries.iter().any(|entry| entry.function == function) {
                entries.extend(topology(function, index, count));
            }
        }
        entries.extend_from_slice(leaves);
        entries
    }
}

/// Bits of the APIC id that tell the cores of a socket apart.
fn core_bits(count: u32) -> u32 {
    count.next_power_of_two().trailing_zeros()
}

fn with_identity(mut entry: kvm_cpuid_entry2, index: u32, count: u32) -> kvm_cpuid_entry2 {
    match entry.function {
        1 => {
            let logical = if count > 1 { count } else { 0 };
            entry.ebx = entry.ebx & 0xFFFF | (logical << 16) | (index << 24);
            if count > 1 {
                entry.edx |= HYPERTHREADING;
            } else {
                entry.edx &= !HYPERTHREADING;
            }
        }
        // Intel caches: every core has its own, and the socket has `count` cores.
        4 if entry.eax & 0x1F != 0 => {
            let cores = (1 << core_bits(count)) - 1;
            entry.eax = entry.eax & 0x3FFF | (cores << 26);
        }
        0x8000_0008 => entry.ecx = (core_bits(count) << 12) | (count - 1),
        // AMD caches: not shared.
        0x8000_001D => entry.eax &= !(0xFFF << 14),
        0x8000_001E => {
            entry.eax = index;
            // One thread per core.
            entry.ebx = index & 0xFF;
            entry.ecx = 0;
        }
        _ => {}
    }
    entry
}

/// The extended topology leaf: one thread per core, `count` cores.
fn topology(function: u32, index: u32, count: u32) -> [kvm_cpuid_entry2; 3] {
    const SIGNIFICANT_INDEX: u32 = 1;
    const THREADS: u32 = 1 << 8;
    const CORES: u32 = 2 << 8;
    let level = |level: u32, shift: u32, logical: u32, kind: u32| kvm_cpuid_entry2 {
        function,
        index: level,
        flags: SIGNIFICANT_INDEX,
        eax: shift,
        ebx: logical,
        ecx: level | kind,
        edx: index,
        ..Default::default()
    };
    [
        level(0, 0, 1, THREADS),
        level(1, core_bits(count), count, CORES),
        level(2, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(function: u32) -> kvm_cpuid_entry2 {
        kvm_cpuid_entry2 {
            function,
            eax: u32::MAX,
            ebx: u32::MAX,
            ecx: u32::MAX & !TSC_DEADLINE & !HYPERVISOR,
            edx: u32::MAX,
            ..Default::default()
        }
    }

    fn table(functions: &[u32]) -> CpuidTable {
        let supported: Vec<_> = functions.iter().map(|function| leaf(*function)).collect();
        CpuidTable::new(&supported, true)
    }

    fn find(entries: &[kvm_cpuid_entry2], function: u32, index: u32) -> kvm_cpuid_entry2 {
        let mut found = entries
            .iter()
            .filter(|entry| (entry.function, entry.index) == (function, index));
        let entry = *found.next().unwrap();
        assert!(found.next().is_none(), "leaf {function:#x} twice");
        entry
    }

    #[test]
    fn the_leaves_of_kvm_are_replaced() {
        let hyperv = leaf(0x4000_0000);
        let entries = table(&[1, 0x4000_0000, 0x4000_0001, 0x4000_0100]).for_vcpu(0, 1, &[hyperv]);
        let functions: Vec<_> = entries.iter().map(|entry| entry.function).collect();
        assert_eq!(functions, [1, 0x4000_0000]);
    }

    #[test]
    fn features_are_set_and_cleared() {
        let entries = table(&[1, 0x8000_0001]).for_vcpu(0, 1, &[]);
        let features = find(&entries, 1, 0).ecx;
        assert_eq!(
            features & (HYPERVISOR | TSC_DEADLINE | VMX),
            HYPERVISOR | TSC_DEADLINE
        );
        assert_eq!(find(&entries, 0x8000_0001, 0).ecx & SVM, 0);
    }

    #[test]
    fn every_cpu_knows_its_place() {
        let table = table(&[1, 4, 0xB, 0x8000_0008, 0x8000_001E]);
        let entries = table.for_vcpu(2, 3, &[]);
        assert_eq!(find(&entries, 1, 0).ebx >> 16, (2 << 8) | 3);
        assert_eq!(find(&entries, 4, 0).eax >> 26, 3);
        let cores = find(&entries, 0xB, 1);
        assert_eq!(
            (cores.eax, cores.ebx, cores.ecx, cores.edx),
            (2, 3, 0x201, 2)
        );
        assert_eq!(find(&entries, 0xB, 0).ecx, 0x100);
        assert_eq!(find(&entries, 0x8000_0008, 0).ecx, (2 << 12) | 2);
        assert_eq!(find(&entries, 0x8000_001E, 0).eax, 2);
        assert!(
            !entries.iter().any(|entry| entry.function == 0x1F),
            "only leaves that KVM has"
        );
    }

    #[test]
    fn a_single_cpu_is_no_package_of_threads() {
        let entries = table(&[1]).for_vcpu(0, 1, &[]);
        assert_eq!(find(&entries, 1, 0).ebx >> 16, 0);
        assert_eq!(find(&entries, 1, 0).edx & HYPERTHREADING, 0);
    }

    #[test]
    fn address_bits_have_a_default() {
        assert_eq!(table(&[0x8000_0008]).address_bits(), 0xFF);
        assert_eq!(table(&[1]).address_bits(), 36);
    }
}
