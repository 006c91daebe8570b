// SPDX-License-Identifier: GPL-2.0

//! Locally unique identifiers, the names of adapters.

use crate::uapi::abi_struct;
use std::{fmt, str::FromStr};

abi_struct! {
    /// A locally unique identifier: names an adapter for as long as the guest runs.
    ///
    /// Written as high and low half in hexadecimal, `00000000:0001a2b3`; reading also accepts
    /// shorter halves, `-` between them, and a single number.
    #[derive(Default, PartialOrd, Ord, Hash)]
    pub struct Luid {
        /// Low half.
        pub a: u32,
        /// High half.
        pub b: u32,
    }
}

impl fmt::Display for Luid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}:{:08x}", self.b, self.a)
    }
}

/// The text is not a LUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a LUID: expected two hexadecimal numbers as in 00000000:0001a2b3")]
pub struct ParseLuidError {
    text: String,
}

impl FromStr for Luid {
    type Err = ParseLuidError;

    fn from_str(text: &str) -> Result<Self, ParseLuidError> {
        let half = |digits: &str| {
            let digits = digits.strip_prefix("0x").unwrap_or(digits);
            // `from_str_radix` would accept a sign.
            let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u32::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
        };
        let (high, low) = text.split_once([':', '-']).unwrap_or(("0", text));
        match (half(high), half(low)) {
            (Some(b), Some(a)) => Ok(Self { a, b }),
            _ => Err(ParseLuidError {
                text: text.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_survives_a_round_trip() {
        let luid = Luid {
            a: 0x0001_A2B3,
            b: 0x8000_0001,
        };
        assert_eq!(luid.to_string(), "80000001:0001a2b3");
        assert_eq!(luid.to_string().parse(), Ok(luid));
    }

    #[test]
    fn short_and_prefixed_forms_are_read() {
        let luid = Luid { a: 0x1F, b: 0 };
        for text in ["1f", "0x1f", "0:1F", "0x0:0x1f", "0-1f"] {
            assert_eq!(text.parse(), Ok(luid), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            ":",
            "1:",
            ":1",
            "+1",
            "xyz",
            "1:2:3",
            "1-2:3",
            "-1",
            "123456789",
        ] {
            assert!(text.parse::<Luid>().is_err(), "{text:?}");
        }
    }
}
