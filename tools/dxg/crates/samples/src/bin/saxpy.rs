// SPDX-License-Identifier: GPL-2.0

//! `saxpy` has an adapter compute a * x + y and compares the result with the CPU's.

use clap::Parser;
use samples::{first_difference, generate, read_numbers, report, Failure, Job, Options};
use std::process::ExitCode;

/// Computes a * x + y on an adapter, and compares with the CPU
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    options: Options,

    /// How many numbers x and y have; with --input, what the file has: x first, then y
    #[arg(short, long, default_value_t = 65536, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,

    /// The factor
    #[arg(long, default_value_t = 1.5, allow_negative_numbers = true)]
    a: f32,
}

fn run(args: &Args) -> Result<(), Failure> {
    let (x, y) = match &args.options.input {
        None => {
            // CAST: u32 to usize, on a 64-bit machine.
            let count = args.count as usize;
            (generate(1, count), generate(2, count))
        }
        Some(path) => {
            let mut x = read_numbers(path)?;
            let y = x.split_off(x.len() / 2);
            if x.is_empty() || x.len() != y.len() {
                let found = x.len() + y.len();
                let wanted = 2 * y.len().max(1);
                return Err(Failure::TooFew { wanted, found });
            }
            (x, y)
        }
    };
    let count = x.len();
    let expected: Vec<f32> = x.iter().zip(&y).map(|(x, y)| args.a * x + y).collect();
    let job = Job {
        inputs: &[x, y],
        outputs: count,
        commands: &|buffer, inputs, output| {
            buffer.saxpy(output, args.a, inputs[0], inputs[1], count as u64);
        },
    };
    let computed = job.run(&args.options)?;
    first_difference(&computed.result, &expected)?;
    report(
        format_args!("saxpy of {count} numbers"),
        &computed,
        2 * count as u64,
    );
    Ok(())
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("saxpy: {failure}");
            ExitCode::FAILURE
        }
    }
}
