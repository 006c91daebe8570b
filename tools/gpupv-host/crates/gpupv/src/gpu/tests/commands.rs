// SPDX-License-Identifier: GPL-2.0
//! What each command does, and what it does not accept.

use std::time::Duration;

use super::*;

const NOP: u32 = 1;
const FILL: u32 = 2;
const COPY: u32 = 3;
const ADD: u32 = 4;
const SAXPY: u32 = 5;
const MATMUL: u32 = 6;
const FENCE: u32 = 7;
const FAULT: u32 = 8;
const BUSY: u32 = 9;

#[test]
fn fill_writes_words_and_nothing_else() {
    let flat = Flat::new(64);
    let (at, len) = (DATA + 0xFF4, 100_004);
    flat.run(&command(FILL, &[at, len], &[0xA1B2_C3D4, 0]))
        .unwrap();
    let bytes = flat.get(at - 4, len as usize + 8);
    assert_eq!(bytes[..4], [0; 4]);
    assert_eq!(bytes[len as usize + 4..], [0; 4]);
    let inside = &bytes[4..len as usize + 4];
    assert!(inside
        .chunks(4)
        .all(|word| word == [0xD4, 0xC3, 0xB2, 0xA1]));
}

#[test]
fn copy_moves_bytes_as_they_are() {
    let flat = Flat::new(128);
    let mut numbers = Numbers(3);
    // Some of these words are numbers that would not survive arithmetic.
    let bytes: Vec<u8> = (0..150_000).map(|_| numbers.next() as u8).collect();
    let (from, to) = (DATA + 12, DATA + 0x2_8008);
    flat.put(from, &bytes);
    flat.run(&command(COPY, &[to, from, 150_000], &[])).unwrap();
    assert_eq!(flat.get(to, bytes.len()), bytes);
    assert_eq!(flat.get(from, bytes.len()), bytes);
}

#[test]
fn add_and_saxpy_round_each_operation() {
    let flat = Flat::new(200);
    let mut numbers = Numbers(5);
    let count = 40_000;
    let (x, y) = (numbers.floats(count), numbers.floats(count));
    let [at_x, at_y, sum] = [DATA, DATA + 0x3_0000, DATA + 0x6_0000];
    flat.put_numbers(at_x, &x);
    flat.put_numbers(at_y, &y);
    let a = 1.1f32;
    let mut buffer = command(ADD, &[sum, at_x, at_y, count as u64], &[]);
    // In place
    buffer.extend(command(
        SAXPY,
        &[at_y, at_x, at_y, count as u64],
        &[a.to_bits(), 0],
    ));
    flat.run(&buffer).unwrap();
    let expected: Vec<f32> = x.iter().zip(&y).map(|(x, y)| x + y).collect();
    assert_eq!(flat.numbers(sum, count), expected);
    let expected: Vec<f32> = x.iter().zip(&y).map(|(x, y)| a * x + y).collect();
    assert_eq!(flat.numbers(at_y, count), expected);
}

#[test]
fn matmul_of_many_shapes() {
    let flat = Flat::new(400);
    let mut numbers = Numbers(7);
    for [m, n, k] in [
        [1, 1, 1],
        [3, 2, 5],
        [64, 64, 64],
        [65, 130, 33],
        [1, 200, 90],
        [100, 1, 70],
        [2, 65, 4096],
    ] {
        let (a, b) = (numbers.floats(m * k), numbers.floats(k * n));
        let at_a = DATA + 4;
        let at_b = at_a + 4 * a.len() as u64;
        let at_c = at_b + 4 * b.len() as u64;
        flat.put_numbers(at_a, &a);
        flat.put_numbers(at_b, &b);
        let sizes = [m as u32, n as u32, k as u32, 0];
        flat.run(&command(MATMUL, &[at_c, at_a, at_b], &sizes))
            .unwrap();
        let mut expected = vec![0.0f32; m * n];
        for row in 0..m {
            for column in 0..n {
                for i in 0..k {
                    expected[row * n + column] += a[row * k + i] * b[i * n + column];
                }
            }
        }
        assert_eq!(flat.numbers(at_c, m * n), expected, "{m} {n} {k}");
    }
}

#[test]
fn commands_without_steps() {
    let flat = Flat::new(2);
    let mut buffer = command(NOP, &[], &[]);
    buffer.extend(command(FENCE, &[0x8000_0000_0000, 7], &[]));
    buffer.extend(command(FAULT, &[], &[0x123, 0]));
    buffer.extend(command(BUSY, &[], &[1500, 0]));
    buffer.extend(command(BUSY, &[], &[u32::MAX, 0]));
    let expected = [
        Command::Nop,
        Command::Fence {
            address: 0x8000_0000_0000,
            value: 7,
        },
        Command::Fault(0x123),
        Command::Busy(Some(Duration::from_micros(1500))),
        Command::Busy(None),
    ];
    assert_eq!(flat.run(&buffer).unwrap(), expected);
}

#[test]
fn buffers_that_are_none() {
    for (address, len) in [
        (BUFFER + 4, 8),
        (BUFFER, 12),
        (BUFFER, Buffer::LEN_MAX + 8),
        (u64::MAX - 7, 8),
    ] {
        assert_eq!(Buffer::new(address, len), None, "{address:#x} {len}");
    }
    assert!(Buffer::new(BUFFER, Buffer::LEN_MAX).is_some());
}

/// Commands that are right but for one thing.
fn wrong() -> Vec<(&'static str, Vec<u8>)> {
    let (x, y, z) = (DATA, DATA + 0x1000, DATA + 0x2000);
    let mut short = command(FENCE, &[z, 1], &[]);
    short.truncate(16);
    let mut size = command(FENCE, &[z, 1], &[]);
    size[4] = 32;
    size.extend([0; 8]);
    vec![
        ("zeros", vec![0; 8]),
        ("an unknown number", command(10, &[], &[])),
        ("a command cut short", short),
        ("another size", size),
        ("reserved word of FILL", command(FILL, &[x, 4], &[1, 1])),
        (
            "reserved word of SAXPY",
            command(SAXPY, &[z, x, y, 1], &[0, 1]),
        ),
        (
            "reserved word of MATMUL",
            command(MATMUL, &[z, x, y], &[1, 1, 1, 1]),
        ),
        ("reserved word of FAULT", command(FAULT, &[], &[1, 1])),
        ("reserved word of BUSY", command(BUSY, &[], &[1, 1])),
        ("unaligned FILL", command(FILL, &[x + 2, 4], &[1, 0])),
        ("half a word", command(FILL, &[x, 6], &[1, 0])),
        ("nothing to fill", command(FILL, &[x, 0], &[1, 0])),
        (
            "too much to fill",
            command(FILL, &[x, (1 << 34) + 4], &[1, 0]),
        ),
        (
            "beyond all addresses",
            command(FILL, &[u64::MAX - 3, 8], &[1, 0]),
        ),
        ("nothing to copy", command(COPY, &[y, x, 0], &[])),
        ("unaligned source", command(COPY, &[y, x + 1, 4], &[])),
        ("a copy to itself", command(COPY, &[x, x, 8], &[])),
        ("a copy that overlaps", command(COPY, &[x + 4, x, 8], &[])),
        ("no elements", command(ADD, &[z, x, y, 0], &[])),
        ("a sum that overlaps", command(ADD, &[x + 4, x, y, 2], &[])),
        ("too many elements", command(ADD, &[z, x, y, u64::MAX], &[])),
        ("no rows", command(MATMUL, &[z, x, y], &[0, 1, 1, 0])),
        ("no columns", command(MATMUL, &[z, x, y], &[1, 0, 1, 0])),
        ("no depth", command(MATMUL, &[z, x, y], &[1, 1, 0, 0])),
        (
            "too many rows",
            command(MATMUL, &[z, x, y], &[4097, 1, 1, 0]),
        ),
        (
            "a product in place",
            command(MATMUL, &[x, x, y], &[1, 1, 1, 0]),
        ),
        ("unaligned fence", command(FENCE, &[z + 4, 1], &[])),
    ]
}

#[test]
fn what_makes_no_sense_is_invalid() {
    let flat = Flat::new(32);
    for (what, bytes) in wrong() {
        assert_eq!(flat.run(&bytes), Err(Stop::Invalid), "{what}");
    }
    assert_eq!(flat.get(DATA, 0x3000), vec![0; 0x3000], "nothing was done");
}

#[test]
fn engines_know_what_they_are_for() {
    let flat = Flat::new(32);
    let (x, y, z) = (DATA, DATA + 0x1000, DATA + 0x2000);
    let add = command(ADD, &[z, x, y, 4], &[]);
    let matmul = command(MATMUL, &[z, x, y], &[1, 1, 1, 0]);
    let copy = command(COPY, &[z, x, 4], &[]);
    let nop = command(NOP, &[], &[]);
    use EngineKind::*;
    for (kind, known) in [
        (ThreeD, [true; 4]),
        (Compute, [true; 4]),
        (Copy, [false, false, true, true]),
        (VideoDecode, [false, false, false, true]),
    ] {
        let run = |bytes: &Vec<u8>| flat.run_on(kind, bytes).is_ok();
        assert_eq!([&add, &matmul, &copy, &nop].map(run), known, "{kind:?}");
    }
}

#[test]
fn a_fault_names_the_first_byte_and_leaves_the_step_undone() {
    let mut flat = Flat::new(32);
    let page = 20;
    flat.read_only = vec![page];
    let at = BASE + page * PAGE;
    let (end, write) = (flat.end(), true);
    let fill = command(FILL, &[at - 8, 16], &[1, 0]);
    let address = at;
    assert_eq!(flat.run(&fill), Err(Stop::PageFault { address, write }));
    assert_eq!(flat.get(at - 8, 16), [0; 16]);
    // Reads come first.
    let copy = command(COPY, &[at, end - 4, 8], &[]);
    let (address, write) = (end, false);
    assert_eq!(flat.run(&copy), Err(Stop::PageFault { address, write }));
    // So does the command itself, wherever it is cut.
    let buffer = Buffer::new(end - 8, 16).unwrap();
    flat.put(end - 8, &command(NOP, &[], &[]));
    let mut program = Program::new(buffer);
    let mut fetch = |address, into: &mut [u8]| {
        let len = into.len() as u64;
        flat.span(Range { address, len }, false)?.read(into)
    };
    let next = program.next(EngineKind::Copy, &mut fetch);
    assert_eq!(next, Ok(Next::Command(Command::Nop)));
    program.finish_command();
    let next = program.next(EngineKind::Copy, &mut fetch);
    assert_eq!(next, Err(Stop::PageFault { address, write }));
    let fault = program.fault(Stop::Invalid);
    assert_eq!((fault.command, fault.buffer), (2, end - 8));
}

#[test]
fn what_a_fault_says() {
    let fault = |stop| Fault {
        stop,
        command: 3,
        buffer: 0x5000,
    };
    use crate::gpu::Fault;
    let long = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (address, write) = (0x1234_5000, true);
    let said = fault(Stop::PageFault { address, write }).describe();
    assert_eq!([0, 8, 16, 24].map(|at| long(&said, at)), [3, 0, 1, address]);
    let said = fault(Stop::Invalid).describe();
    assert_eq!(
        [0, 8, 16, 24].map(|at| long(&said, at)),
        [3, 0, 2 << 32, 0x5000]
    );
    let said = fault(Stop::Wanted(5)).describe();
    assert_eq!(
        [0, 8, 16, 24].map(|at| long(&said, at)),
        [3, 0, 11 << 32, 0x5000]
    );
    assert_eq!(fault(Stop::Hung).describe(), [0; 32]);
}
