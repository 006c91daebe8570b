// SPDX-License-Identifier: GPL-2.0

//! Where the numbers come from, and how they are compared.

use crate::Failure;
use std::path::Path;

/// Numbers between -8 and 8 that are the same for the same seed.
pub fn generate(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed ^ 0x9E37_79B9_7F4A_7C15 | 1;
    let mut next = || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let number = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 48;
        // CAST: 16 bits, which numbers have exactly.
        number as f32 / 4096.0 - 8.0
    };
    (0..count).map(|_| next()).collect()
}

/// The numbers in a file, separated by white space or commas.
///
/// # Errors
///
/// The file cannot be read, or has something else in it.
pub fn read_numbers(path: &Path) -> Result<Vec<f32>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|source| Failure::Input {
        path: path.to_owned(),
        source,
    })?;
    let mut numbers = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let words = content.split(|c: char| c.is_whitespace() || c == ',');
        for word in words.filter(|word| !word.is_empty()) {
            let number = word.parse().map_err(|_| Failure::NotANumber {
                path: path.to_owned(),
                line,
                text: word.to_owned(),
            })?;
            numbers.push(number);
        }
    }
    Ok(numbers)
}

/// Compares bit for bit, but for what is not a number, which has many bits.
///
/// # Errors
///
/// [`Failure::Wrong`] for the first number that differs.
pub fn first_difference(found: &[f32], expected: &[f32]) -> Result<(), Failure> {
    let same = |(x, y): (&f32, &f32)| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
    let mut pairs = found.iter().zip(expected);
    match pairs.position(|pair| !same(pair)) {
        None => Ok(()),
        Some(position) => Err(Failure::Wrong {
            position,
            found: found[position],
            expected: expected[position],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_reproducible_and_within_their_bounds() {
        let numbers = generate(7, 10_000);
        assert_eq!(numbers, generate(7, 10_000));
        assert_ne!(numbers, generate(8, 10_000));
        assert!(numbers.iter().all(|n| (-8.0..8.0).contains(n)));
        assert!(numbers.iter().any(|n| *n < -7.0) && numbers.iter().any(|n| *n > 7.0));
    }

    #[test]
    fn files_are_read_or_blamed() {
        let folder = std::env::temp_dir().join(format!("samples-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("numbers");
        std::fs::write(&path, "1, 2.5\n-3e2\t4\n").unwrap();
        assert_eq!(read_numbers(&path).unwrap(), [1.0, 2.5, -300.0, 4.0]);
        std::fs::write(&path, "1\n2 x\n").unwrap();
        let error = read_numbers(&path).unwrap_err().to_string();
        assert!(error.ends_with("line 2: \"x\" is not a number"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(read_numbers(&path), Err(Failure::Input { .. })));
    }

    #[test]
    fn differences_are_found_where_they_are() {
        let nan = f32::NAN;
        assert!(first_difference(&[1.0, nan], &[1.0, -nan]).is_ok());
        let error = first_difference(&[1.0, 0.0], &[1.0, -0.0]).unwrap_err();
        assert!(matches!(error, Failure::Wrong { position: 1, .. }));
    }
}
