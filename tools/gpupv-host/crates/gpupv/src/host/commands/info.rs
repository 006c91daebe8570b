// SPDX-License-Identifier: GPL-2.0
//! What users can learn of an adapter, and tell it.

mod clock;
mod escape;
mod statistics;

use super::super::call::{answer, broken, success, Call, Reply};
use super::super::shared::Shared;
use crate::budget::SegmentGroup;
use crate::command::InfoCommand;
use crate::handles::Handle;
use crate::query;
use crate::status::NtStatus;
use crate::wire::{ChangeVideoMemoryReservation, QueryAdapterInfo, QueryVideoMemoryInfo};

impl Shared {
    pub(in crate::host) fn info_command(
        &mut self,
        command: InfoCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            InfoCommand::QueryAdapterInfo => self.query_adapter_info(position, call),
            InfoCommand::QueryVideoMemoryInfo => self.query_video_memory(position, call),
            InfoCommand::ChangeVideoMemoryReservation => self.reserve_memory(position, call),
            InfoCommand::QueryStatistics => self.query_statistics(position, call),
            InfoCommand::QueryClockCalibration => self.query_clocks(position, call),
            // Guests have no heaps between which anything moves.
            InfoCommand::FlushHeapTransitions => success(),
            InfoCommand::Escape => self.escape(position, call),
        }
    }

    fn query_adapter_info(&self, position: usize, call: &Call<'_>) -> Reply {
        let request: QueryAdapterInfo = call.read();
        // CAST: u32 to usize, on a 64-bit host.
        let size = request.private_data_size.get() as usize;
        if size == 0 {
            return broken(format!("0 bytes of data in {}", call.bytes.len()));
        }
        let mut data = call.bytes(QueryAdapterInfo::DATA_OFFSET, size)?.to_vec();
        let adapter = &self.adapters[position];
        let number = request.query_type.get();
        let subject = query::Subject {
            adapter: &adapter.description,
            instance: adapter.identity.instance,
            slot: adapter.slot,
        };
        query::answer(subject, number, &mut data)?;
        Ok(if self.is_current_version() {
            let mut answer = NtStatus::SUCCESS.0.to_le_bytes().to_vec();
            answer.append(&mut data);
            answer
        } else {
            data
        })
    }

    fn query_video_memory(&self, position: usize, call: &Call<'_>) -> Reply {
        let request: QueryVideoMemoryInfo = call.read();
        self.check_adapter(position, request.adapter.get())?;
        let index = request.physical_adapter_index.get();
        let group = segment_group(request.memory_segment_group.get(), index)?;
        answer(&self.budget_of(call.process, position, group))
    }

    fn reserve_memory(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: ChangeVideoMemoryReservation = call.read();
        if request.process.get() != 0 {
            // The header says it.
            return broken(format!("process {:#x}", request.process.get()));
        }
        let adapter = Handle(request.adapter.get());
        if adapter.0 != 0 {
            self.check_adapter(position, adapter.0)?;
        }
        let index = request.physical_adapter_index.get();
        let group = segment_group(request.memory_segment_group.get(), index)?;
        let budget = self.budget_of(call.process, position, group);
        if request.reservation.get() > budget.available_for_reservation.get() {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let here = self.process(call)?.on_mut(position);
        *here.reserved.of_mut(group) = request.reservation.get();
        success()
    }
}

/// A group that a user names; adapters are not linked here, so there is one physical one.
fn segment_group(group: u32, physical_adapter: u32) -> Result<SegmentGroup, NtStatus> {
    match (SegmentGroup::try_from(group), physical_adapter) {
        (Ok(group), 0) => Ok(group),
        _ => Err(NtStatus::INVALID_PARAMETER),
    }
}
