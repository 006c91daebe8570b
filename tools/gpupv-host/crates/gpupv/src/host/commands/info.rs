// SPDX-License-Identifier: GPL-2.0
//! What users can learn of an adapter, and tell it.

use super::super::call::{answer, broken, Call, Reply};
use super::super::shared::Shared;
use crate::budget::{budget, SegmentGroup};
use crate::command::InfoCommand;
use crate::query;
use crate::status::NtStatus;
use crate::wire::{QueryAdapterInfo, QueryVideoMemoryInfo};

impl Shared {
    pub(in crate::host) fn info_command(
        &mut self,
        command: InfoCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            InfoCommand::QueryAdapterInfo => self.query_adapter_info(position, call),
            InfoCommand::QueryVideoMemoryInfo => self.query_video_memory(position, &call.read()),
            _ => Err(NtStatus::NOT_SUPPORTED.into()),
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
        query::answer(&adapter.description, adapter.slot, number, &mut data)?;
        Ok(if self.is_current_version() {
            let mut answer = NtStatus::SUCCESS.0.to_le_bytes().to_vec();
            answer.append(&mut data);
            answer
        } else {
            data
        })
    }

    fn query_video_memory(&self, position: usize, request: &QueryVideoMemoryInfo) -> Reply {
        self.check_adapter(position, request.adapter.get())?;
        // Both come from the user unchecked, so neither is a fault of the driver.
        let group = SegmentGroup::try_from(request.memory_segment_group.get())
            .map_err(|_| NtStatus::INVALID_PARAMETER)?;
        if request.physical_adapter_index.get() != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        // No command makes an allocation, so no process uses memory.
        answer(&budget(&self.adapters[position].description, group, 0))
    }
}
