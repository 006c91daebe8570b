// SPDX-License-Identifier: GPL-2.0

//! Versions of the driver on the host.

use std::fmt;

/// Version of the GPU driver on the host, e.g. `31.0.101.4146`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DriverVersion(pub [u16; 4]);

impl DriverVersion {
    /// From the packed form, the most significant part first.
    pub fn from_packed(packed: u64) -> Self {
        Self([48, 32, 16, 0].map(|shift| ((packed >> shift) & 0xFFFF) as u16))
    }
}

impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

/// Version of the Windows Display Driver Model the host's driver implements, e.g. `3.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WddmVersion(pub u32);

impl fmt::Display for WddmVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 1000, self.0 % 1000 / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_versions_have_the_most_significant_part_first() {
        let version = DriverVersion::from_packed(0x001F_0000_0065_1032);
        assert_eq!(version.to_string(), "31.0.101.4146");
        assert!(version < DriverVersion([31, 0, 102, 0]));
    }

    #[test]
    fn wddm_versions_have_one_digit_behind_the_point() {
        for (number, text) in [
            (1000, "1.0"),
            (1105, "1.1"),
            (2700, "2.7"),
            (3200, "3.2"),
            (0, "0.0"),
        ] {
            assert_eq!(WddmVersion(number).to_string(), text);
        }
    }
}
