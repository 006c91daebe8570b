// SPDX-License-Identifier: GPL-2.0
//! The scripts of a random generator. `DXG_SEED=N` repeats those of a run that names its number.

use rand::{Rng, RngCore, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// How much more memory the host may take for all scripts of a part, in KiB.
const GROWTH_MAX: u64 = 128 << 10;

fn seed() -> u64 {
    let given = std::env::var("DXG_SEED").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The most memory that this process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// Plays `count` scripts of up to `len` bytes.
fn play(name: &str, count: u64, len: usize, part: fn(&[u8])) {
    let first = seed();
    let before = peak();
    for script in 0..count {
        let seed = first + script;
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut bytes = vec![0; random.random_range(0..=len)];
        random.fill_bytes(&mut bytes);
        // Zeros end things, and small numbers name things.
        for byte in &mut bytes {
            match random.random_range(0..8) {
                0 => *byte = 0,
                1 => *byte %= 16,
                _ => {}
            }
        }
        let played = std::panic::catch_unwind(|| part(&bytes));
        assert!(played.is_ok(), "{name}: DXG_SEED={seed}");
    }
    let growth = peak() - before;
    assert!(
        growth <= GROWTH_MAX,
        "{name}: {growth} KiB, DXG_SEED={first}"
    );
}

/// One after the other: memory is that of the process.
#[test]
fn the_host_copes_with_any_guest_in_bounded_memory() {
    play("control", 2000, 4000, hostile_guest::control);
    play("gpadl", 3000, 2000, hostile_guest::gpadl);
    play("ring", 2000, 20_000, hostile_guest::ring);
    play("hypercall", 2000, 2000, hostile_guest::hypercall);
    play("plan", 3000, 300, plan);
    play("packets", 400, 20_000, hostile_guest::packets);
}

/// Texts that are more like plans than random bytes are.
fn plan(bytes: &[u8]) {
    const PIECES: [&str; 16] = [
        "[[fault]]\n",
        "do = 'hold'\n",
        "do = 'overwrite'\n",
        "bytes = [1, 2",
        "]\n",
        "nth = ",
        "= 1\n",
        "seed = 5\n",
        "offset",
        "channel = 'global'\n",
        "command = 'ESCAPE'\n",
        "\"",
        "\u{fffd}",
        "-99999999999999999999",
        "0x7f\n",
        "one_in",
    ];
    let text: String = bytes
        .iter()
        .map(|&byte| PIECES[usize::from(byte % 16)])
        .collect();
    hostile_guest::plan(text.as_bytes());
    hostile_guest::plan(bytes);
}
