// SPDX-License-Identifier: GPL-2.0

//! `matmul` has an adapter multiply two matrices and compares the result with the CPU's.

use clap::Parser;
use dxg::compute::Dimensions;
use samples::{first_difference, generate, read_numbers, report, Failure, Job, Options};
use std::process::ExitCode;

/// Multiplies two matrices on an adapter, and compares with the CPU
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    options: Options,

    /// Rows of the first matrix
    #[arg(short, long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
    rows: u32,

    /// Columns of the second matrix
    #[arg(short, long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
    columns: u32,

    /// Columns of the first matrix and rows of the second; --input has both matrices, row by row
    #[arg(short = 'k', long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4096))]
    depth: u32,
}

/// The product, with the sums in the order in which the GPU has them.
fn multiply(first: &[f32], second: &[f32], columns: usize, depth: usize) -> Vec<f32> {
    let mut product = Vec::with_capacity(first.len() / depth * columns);
    for row in first.chunks_exact(depth) {
        let mut sums = vec![0.0f32; columns];
        for (factor, line) in row.iter().zip(second.chunks_exact(columns)) {
            for (sum, number) in sums.iter_mut().zip(line) {
                *sum += factor * number;
            }
        }
        product.append(&mut sums);
    }
    product
}

fn run(args: &Args) -> Result<(), Failure> {
    // CAST: at most 4096 each.
    let [rows, columns, depth] = [args.rows, args.columns, args.depth].map(|size| size as usize);
    let (first, second) = match &args.options.input {
        None => (generate(1, rows * depth), generate(2, depth * columns)),
        Some(path) => {
            let mut first = read_numbers(path)?;
            let (found, wanted) = (first.len(), (rows + columns) * depth);
            if found < wanted {
                return Err(Failure::TooFew { wanted, found });
            }
            first.truncate(wanted);
            let second = first.split_off(rows * depth);
            (first, second)
        }
    };
    let expected = multiply(&first, &second, columns, depth);
    let dimensions = Dimensions {
        rows: args.rows,
        columns: args.columns,
        depth: args.depth,
    };
    let job = Job {
        inputs: &[first, second],
        outputs: rows * columns,
        commands: &|buffer, inputs, output| {
            buffer.matmul(output, inputs[0], inputs[1], dimensions);
        },
    };
    let computed = job.run(&args.options)?;
    first_difference(&computed.result, &expected)?;
    report(
        format_args!("matmul of {rows} x {depth} and {depth} x {columns}"),
        &computed,
        2 * (rows * columns * depth) as u64,
    );
    Ok(())
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("matmul: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_products() {
        let first = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let second = [1.0, 0.0, 2.0, 1.0, 0.0, 3.0];
        // (2 x 3) * (3 x 2)
        let product = multiply(&first, &second, 2, 3);
        assert_eq!(product, [5.0, 11.0, 14.0, 23.0]);
    }
}
