// SPDX-License-Identifier: GPL-2.0

//! A job: numbers go to the GPU, something is computed from them, the result comes back.

use crate::Failure;
use clap::{Args, ValueEnum};
use dxg::{
    compute::{CommandBuffer, Context, Fence, MappedAllocation, PagingQueue, Placement},
    Adapter, AdapterFilter, Dxg, Selector,
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
    /// Use the adapter with this LUID, or the first of a kind (render, compute-only) or with this
    /// in its name
    #[arg(short, long, value_name = "LUID|KIND|NAME")]
    adapter: Option<Selector>,

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

impl Options {
    fn adapter(&self) -> Result<Adapter, Failure> {
        let dxg = Dxg::open_path(&self.device)?;
        let adapters = match &self.adapter {
            Some(selector) => selector.open(&dxg)?,
            None => dxg.adapters(AdapterFilter::ALL)?,
        };
        let first = adapters.into_iter().next();
        Ok(first.ok_or(dxg::Error::NoAdapter)?)
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
