// SPDX-License-Identifier: GPL-2.0

//! A job: numbers go to the GPU, something is computed from them, the result comes back.

use crate::Failure;
use clap::{Args, ValueEnum};
use dxg::{
    compute::{CommandBuffer, Context, Fence, MappedAllocation, PagingQueue, Placement},
    Adapter, AdapterFilter, AdapterKind, Dxg, Luid,
};
use std::{
    fmt::Display,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Where the numbers lie.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Memory {
    /// On the host.
    Host,
    /// In this program, lent to the host.
    Program,
}

/// The options that all programs have.
#[derive(Debug, Args)]
pub struct Options {
    /// Use the adapter with this LUID, or the first of a kind: render, compute-only
    #[arg(short, long, value_name = "LUID|KIND", value_parser = wanted)]
    adapter: Option<Wanted>,

    /// Where the numbers lie
    #[arg(short, long, value_enum, default_value = "host")]
    memory: Memory,

    /// Read the numbers from a file instead of making them up
    #[arg(short, long, value_name = "FILE")]
    pub input: Option<PathBuf>,

    /// The device node
    #[arg(long, value_name = "PATH", default_value = dxg::DEVICE_PATH)]
    device: PathBuf,
}

/// Which adapter is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Kind(AdapterKind),
    Luid(Luid),
}

fn wanted(text: &str) -> Result<Wanted, String> {
    match text {
        "render" => Ok(Wanted::Kind(AdapterKind::Render)),
        "compute-only" => Ok(Wanted::Kind(AdapterKind::ComputeOnly)),
        luid => luid
            .parse()
            .map(Wanted::Luid)
            .map_err(|error| format!("{error}, nor a kind of adapter")),
    }
}

impl Options {
    fn adapter(&self) -> Result<Adapter, Failure> {
        let dxg = Dxg::open_path(&self.device)?;
        if let Some(Wanted::Luid(luid)) = self.adapter {
            return Ok(dxg.open_by_luid(luid)?);
        }
        for adapter in dxg.adapters(AdapterFilter::ALL)? {
            match self.adapter {
                Some(Wanted::Kind(kind)) if adapter.kind()? != kind => {}
                _ => return Ok(adapter),
            }
        }
        Err(Failure::NoAdapter)
    }
}

/// What is to be computed.
pub struct Job<'a> {
    /// The numbers that go in.
    pub inputs: &'a [Vec<f32>],
    /// How many numbers come out.
    pub outputs: usize,
    /// Makes the commands, from the GPU addresses of the inputs and of the result.
    pub commands: &'a dyn Fn(&mut CommandBuffer, &[u64], u64),
}

/// What came of it.
pub struct Computed {
    /// The numbers.
    pub result: Vec<f32>,
    /// What computed them.
    pub adapter: String,
    /// How long that took.
    pub took: Duration,
}

/// Engines that compute by the name of what they are for.
fn computes(engine: &dxg::Engine) -> bool {
    engine.kind.name() == Some("3D") || engine.name == "Compute"
}

impl Job<'_> {
    /// Does it.
    ///
    /// # Errors
    ///
    /// There is no such adapter, or the driver, the host or the GPU fails.
    pub fn run(&self, options: &Options) -> Result<Computed, Failure> {
        let adapter = options.adapter()?;
        let name = adapter.name().unwrap_or_else(|_| "unnamed".to_owned());
        let engines = adapter.engines(0)?;
        let engine = engines.iter().find(|engine| computes(engine));
        let engine = engine.ok_or(Failure::NoEngine)?;
        let placement = match options.memory {
            Memory::Host => Placement::Host,
            Memory::Program => Placement::Program,
        };

        let device = adapter.create_device()?;
        let queue = PagingQueue::new(&device)?;
        let context = Context::new(&device, engine.ordinal)?;
        let fence = Fence::new(&device)?;
        let commands = MappedAllocation::new(&queue, 1, Placement::Host)?;
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for numbers in self.inputs {
            let input = MappedAllocation::new(&queue, 4 * numbers.len(), placement)?;
            input.lock()?.write(0, numbers);
            inputs.push(input);
        }
        let output = MappedAllocation::new(&queue, 4 * self.outputs, placement)?;
        let addresses: Vec<u64> = inputs.iter().map(MappedAllocation::address).collect();

        let mut buffer = CommandBuffer::new();
        (self.commands)(&mut buffer, &addresses, output.address());
        buffer.signal(&fence, 1);
        let begin = Instant::now();
        context.submit(&buffer, &commands)?;
        fence.wait(1)?;
        let took = begin.elapsed();

        let mut result = vec![0.0; self.outputs];
        output.lock()?.read(0, &mut result);
        Ok(Computed {
            result,
            adapter: format!("{name} ({})", adapter.luid()),
            took,
        })
    }
}

/// Says how it went.
pub fn report(what: impl Display, computed: &Computed, operations: u64) {
    let seconds = computed.took.as_secs_f64();
    // CAST: as a rate it need not be exact.
    let rate = operations as f64 / seconds.max(1e-9) / 1e6;
    println!("{what} on {}", computed.adapter);
    println!(
        "  {:.1} ms, {rate:.1} Mflop/s, verified: same as the CPU bit for bit",
        seconds * 1e3
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_named_by_kind_or_luid() {
        assert_eq!(wanted("render"), Ok(Wanted::Kind(AdapterKind::Render)));
        let compute = Ok(Wanted::Kind(AdapterKind::ComputeOnly));
        assert_eq!(wanted("compute-only"), compute);
        assert_eq!(wanted("1:2"), Ok(Wanted::Luid(Luid { a: 2, b: 1 })));
        assert!(wanted("big")
            .unwrap_err()
            .ends_with("nor a kind of adapter"));
    }
}
