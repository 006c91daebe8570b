// SPDX-License-Identifier: GPL-2.0

//! Lists the adapters of this machine: `cargo run --example list`.

use dxg::{AdapterFilter, Dxg, SegmentGroup};
use std::process::ExitCode;

fn list() -> dxg::Result<()> {
    let device = Dxg::open()?;
    for adapter in device.adapters(AdapterFilter::ALL)? {
        let name = adapter.name().unwrap_or_else(|_| "unnamed".to_owned());
        println!("{}  {name}", adapter.luid());
        // A host need not answer every question; the others are not affected.
        match adapter.video_memory(0, SegmentGroup::Local) {
            Ok(memory) => println!(
                "    {} of {} bytes in use",
                memory.current_usage, memory.budget
            ),
            Err(error) if error.is_unanswered() => println!("    memory budget unknown"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match list() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("list: {error}");
            ExitCode::FAILURE
        }
    }
}
