// SPDX-License-Identifier: GPL-2.0

//! Text from the host: UTF-16 in fixed fields.

/// Decodes a field up to its first zero, or all of it if there is none. What is not valid UTF-16
/// becomes U+FFFD: a bad name is no reason to hide an adapter.
pub(crate) fn from_utf16_field(field: &[u16]) -> String {
    let end = field.iter().position(|&unit| unit == 0);
    String::from_utf16_lossy(&field[..end.unwrap_or(field.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<const N: usize>(text: &str, fill: u16) -> [u16; N] {
        let mut field = [fill; N];
        for (to, from) in field.iter_mut().zip(text.encode_utf16()) {
            *to = from;
        }
        field
    }

    #[test]
    fn text_ends_at_the_first_zero() {
        let mut bytes = field::<12>("GPU", 0);
        bytes[5] = u16::from(b'x');
        assert_eq!(from_utf16_field(&bytes), "GPU");
    }

    #[test]
    fn a_full_field_needs_no_zero() {
        assert_eq!(from_utf16_field(&field::<4>("Copy", 0)), "Copy");
        assert_eq!(from_utf16_field(&[]), "");
    }

    #[test]
    fn pairs_are_joined_and_halves_replaced() {
        assert_eq!(from_utf16_field(&field::<8>("é𝄞", 0)), "é𝄞");
        assert_eq!(from_utf16_field(&[0xD834, 0x41]), "\u{FFFD}A");
        assert_eq!(from_utf16_field(&[0x41, 0xDD1E]), "A\u{FFFD}");
    }
}
