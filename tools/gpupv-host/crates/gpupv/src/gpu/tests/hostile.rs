// SPDX-License-Identifier: GPL-2.0
//! Buffers of those who mean harm.

use super::*;

/// A word that is more likely than others to do something.
fn word(numbers: &mut Numbers) -> u64 {
    match numbers.below(8) {
        0 => numbers.next(),
        1 => numbers.below(16),
        2 => u64::MAX - numbers.below(64),
        3 => u64::from(u32::MAX) - numbers.below(4),
        4 => 1 << numbers.below(64),
        _ => BASE + numbers.below(0x2_2000),
    }
}

/// Random commands with the right shape: most of their content makes sense.
fn likely(numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..numbers.below(6) {
        let number = numbers.below(10) as u32;
        let (longs, words) = match number {
            2 => (2, 2),
            3 => (3, 0),
            4 => (4, 0),
            5 => (4, 2),
            6 => (3, 4),
            7 => (2, 0),
            8 | 9 => (0, 2),
            _ => (0, 0),
        };
        let mut longs: Vec<u64> = (0..longs).map(|_| word(numbers) & !3).collect();
        if let (3..=5, Some(count)) = (number, longs.last_mut()) {
            *count = numbers.below(0x1000) * 4;
        }
        let mut words: Vec<u32> = (0..words).map(|_| numbers.below(70) as u32).collect();
        if let Some(reserved) = words.last_mut() {
            *reserved = u32::from(numbers.below(20) == 0);
        }
        bytes.extend(command(number, &longs, &words));
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// Whatever is in a buffer, it ends, each step is bounded, and nothing but its own memory changes:
/// the memory of a test has no more, and an access beyond it panics.
#[test]
fn nothing_but_errors_comes_of_random_buffers() {
    let flat = Flat::new(34);
    let mut numbers = Numbers(0x5EED);
    let (mut good, mut faults, mut invalid) = (0, 0, 0);
    for round in 0..4_000 {
        let bytes = if round % 3 == 0 {
            let count = numbers.below(12);
            (0..count)
                .flat_map(|_| word(&mut numbers).to_le_bytes())
                .collect()
        } else {
            likely(&mut numbers)
        };
        match flat.run(&bytes) {
            Ok(_) => good += 1,
            Err(Stop::PageFault { .. }) => faults += 1,
            Err(Stop::Invalid) => invalid += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    // All ways were taken.
    assert!(
        good > 100 && faults > 100 && invalid > 100,
        "{good} {faults} {invalid}"
    );
}

#[test]
fn steps_are_bounded_whatever_the_command() {
    let mut numbers = Numbers(0xB0B);
    let mut whole = 0;
    for _ in 0..500 {
        let most = if numbers.below(4) == 0 { 100 } else { 4096 };
        let mut size = || (numbers.below(most) + 1) as u32;
        let sizes = [size(), size(), size(), 0];
        let count = (1 << 20) + u64::from(size());
        let bytes = match sizes[0] % 2 {
            0 => command(6, &[1 << 40, 1 << 41, 1 << 42], &sizes),
            _ => command(5, &[1 << 40, 1 << 41, 1 << 42, count], &[0, 0]),
        };
        let mut program = Program::new(Buffer::new(0, bytes.len() as u32).unwrap());
        let fetch = |address: u64, into: &mut [u8]| {
            let at = address as usize;
            into.copy_from_slice(&bytes[at..at + into.len()]);
            Ok(())
        };
        let mut written = 0;
        for step in 0u64.. {
            match program.next(EngineKind::Compute, fetch).unwrap() {
                Next::Step(next) => {
                    let mut ranges = 0;
                    let piece = Piece::new(&next, |range, write| {
                        ranges += 1;
                        assert!(range.len <= 65_536, "{range:?}");
                        written += if write { range.len } else { 0 };
                        Ok(Span::default())
                    });
                    assert!(piece.is_ok() && ranges <= 4096 + 4096);
                    program.advance();
                    if step == 3 && most > 100 {
                        break;
                    }
                }
                Next::End => {
                    whole += 1;
                    let all = match sizes[0] % 2 {
                        0 => u64::from(sizes[0]) * u64::from(sizes[1]),
                        _ => count,
                    };
                    assert_eq!(written, all * 4, "all of it, once");
                    break;
                }
                Next::Command(command) => panic!("{command:?}"),
            }
        }
    }
    assert!(whole >= 100);
}
