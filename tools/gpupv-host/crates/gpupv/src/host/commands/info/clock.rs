// SPDX-License-Identifier: GPL-2.0
//! QUERYCLOCKCALIBRATION: what the clocks of GPU and host show at one moment.

use super::super::super::call::{answer, Call, Reply};
use super::super::super::shared::Shared;
use crate::status::NtStatus;
use crate::wire::{QueryClockCalibration, QueryClockCalibrationReturn};

/// How fast the clock of an engine goes, in Hz: as fast as timestamps usually go.
const GPU_FREQUENCY: u64 = 19_200_000;
/// How fast the clock of the host goes, in Hz: as fast as Windows has it.
const CPU_FREQUENCY: u64 = 10_000_000;

impl Shared {
    pub(super) fn query_clocks(&self, position: usize, call: &Call<'_>) -> Reply {
        let request: QueryClockCalibration = call.read();
        self.check_adapter(position, request.adapter.get())?;
        // CAST: u32 to usize, on a 64-bit host.
        let node = request.node_ordinal.get() as usize;
        let engines = &self.adapters[position].description.engines;
        if node >= engines.len() || request.physical_adapter_index.get() != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let now = self.started.elapsed().as_nanos();
        let ticks = |frequency: u64| {
            let ticks = now * u128::from(frequency) / 1_000_000_000;
            u64::try_from(ticks).unwrap_or(u64::MAX)
        };
        answer(&QueryClockCalibrationReturn {
            status: NtStatus::SUCCESS.0.into(),
            gpu_frequency: GPU_FREQUENCY.into(),
            gpu_clock_counter: ticks(GPU_FREQUENCY).into(),
            cpu_clock_counter: ticks(CPU_FREQUENCY).into(),
            flags: 0.into(),
        })
    }
}
