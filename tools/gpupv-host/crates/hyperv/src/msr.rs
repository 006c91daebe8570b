// SPDX-License-Identifier: GPL-2.0
//! Numbers of the synthetic model specific registers.

pub(crate) const VP_INDEX: u32 = 0x4000_0002;
pub(crate) const VP_ASSIST_PAGE: u32 = 0x4000_0073;
pub(crate) const CRASH_PARAMETERS: [u32; 5] = [
    0x4000_0100,
    0x4000_0101,
    0x4000_0102,
    0x4000_0103,
    0x4000_0104,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_specification() {
        let csv = crate::cpuid::tests::constants();
        for (name, number) in [("vp_index", VP_INDEX), ("vp_assist_page", VP_ASSIST_PAGE)] {
            assert_eq!(
                csv.get(&format!("msr,{name}")),
                Some(&u64::from(number)),
                "{name}"
            );
        }
    }
}
