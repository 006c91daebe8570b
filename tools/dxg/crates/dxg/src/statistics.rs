// SPDX-License-Identifier: GPL-2.0

//! What an adapter does, for everybody and for single processes.

use crate::{
    uapi::statistics::{
        MemoryUsage, NodeInformation, ProcessNodeInformation, ProcessSegmentGroupInformation,
        QueryStatistics, StatisticsResult, StatisticsType,
    },
    Adapter, Error, Function, Result, SegmentGroup,
};
use std::time::Duration;

/// What is in use of one kind of memory, by everybody, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryInUse {
    /// In use.
    pub used: u64,
    /// In use or not.
    pub total: u64,
}

/// What a process may use and uses of one kind of memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// The process should stay below this.
    pub budget: u64,
    /// It has allocated this much.
    pub allocated: u64,
    /// It uses this much.
    pub used: u64,
}

/// Which part of which physical adapter, in the selector of the newer types.
fn second(physical_adapter: u16, part: u16) -> u32 {
    u32::from(physical_adapter) | (u32::from(part) << 16)
}

impl Adapter {
    /// Asks for statistics of one type. `process` is the id of the process examined; `None` stands
    /// for the calling one.
    ///
    /// # Errors
    ///
    /// [`Error::Call`], also if the process has gone.
    pub fn statistics<R: StatisticsResult>(
        &self,
        what: StatisticsType,
        selector: u32,
        process: Option<u32>,
    ) -> Result<R> {
        let function = Function::examining(what);
        let mut arguments = QueryStatistics {
            r#type: what as u32,
            adapter_luid: self.luid(),
            process: process.unwrap_or(0).into(),
            selector,
            ..QueryStatistics::default()
        };
        self.connection()
            .call_for_data(function, |driver| driver.query_statistics(&mut arguments))?;
        let (result, _) = R::read_from_prefix(&arguments.result).map_err(|_| Error::Malformed {
            function,
            problem: format!("{} is larger than a result", R::NAME),
        })?;
        Ok(result)
    }

    /// For how long an engine has worked since the adapter was started. The first physical adapter is
    /// asked in the way that hosts of all versions know.
    pub fn engine_time(&self, physical_adapter: u16, engine: u16) -> Result<Duration> {
        let (what, selector) = match physical_adapter {
            0 => (StatisticsType::Node, engine.into()),
            _ => (StatisticsType::Node2, second(physical_adapter, engine)),
        };
        let answer: NodeInformation = self.statistics(what, selector, None)?;
        Ok(duration(answer.global_information.running_time))
    }

    /// For how long an engine has worked for a process.
    pub fn process_engine_time(
        &self,
        process: u32,
        physical_adapter: u16,
        engine: u16,
    ) -> Result<Duration> {
        let (what, selector) = match physical_adapter {
            0 => (StatisticsType::ProcessNode, engine.into()),
            _ => (
                StatisticsType::ProcessNode2,
                second(physical_adapter, engine),
            ),
        };
        let answer: ProcessNodeInformation = self.statistics(what, selector, Some(process))?;
        Ok(duration(answer.running_time))
    }

    /// What a process may use and uses of an adapter's memory.
    pub fn process_memory(
        &self,
        process: u32,
        physical_adapter: u16,
        group: SegmentGroup,
    ) -> Result<ProcessMemory> {
        // 0 or 1 fits.
        let number = group.number() as u16;
        let (what, selector) = match physical_adapter {
            0 => (StatisticsType::ProcessSegmentGroup, number.into()),
            _ => (
                StatisticsType::ProcessSegmentGroup2,
                second(physical_adapter, number),
            ),
        };
        let answer: ProcessSegmentGroupInformation =
            self.statistics(what, selector, Some(process))?;
        Ok(ProcessMemory {
            budget: answer.budget,
            allocated: answer.requested,
            used: answer.usage,
        })
    }

    /// What everybody uses of an adapter's memory. Hosts before WDDM 3.1 do not say.
    pub fn memory_in_use(&self, physical_adapter: u16, group: SegmentGroup) -> Result<MemoryInUse> {
        let what = StatisticsType::SegmentGroupUsage;
        // 0 or 1 fits.
        let selector = second(physical_adapter, group.number() as u16);
        let answer: MemoryUsage = self.statistics(what, selector, None)?;
        let used = [answer.modified_bytes, answer.standby_bytes]
            .iter()
            .fold(answer.allocated_bytes, |sum, &more| {
                sum.saturating_add(more)
            });
        let total = [answer.free_bytes, answer.zero_bytes]
            .iter()
            .fold(used, |sum, &more| sum.saturating_add(more));
        Ok(MemoryInUse { used, total })
    }
}

/// A time in units of 100 ns.
fn duration(units: u64) -> Duration {
    Duration::from_nanos(units.saturating_mul(100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{FakeAdapter, FakeDriver},
        AdapterFilter, Errno,
    };

    fn only(adapter: FakeAdapter) -> Adapter {
        let mut adapters = FakeDriver::new([adapter])
            .device()
            .adapters(AdapterFilter::ALL)
            .unwrap();
        adapters.remove(0)
    }

    fn node(running_time: u64) -> NodeInformation {
        let mut node = NodeInformation::default();
        node.global_information.running_time = running_time;
        node
    }

    fn on_node(running_time: u64) -> ProcessNodeInformation {
        ProcessNodeInformation {
            running_time,
            ..Default::default()
        }
    }

    #[test]
    fn times_are_told_by_engine_and_process() {
        let adapter = only(
            FakeAdapter::silent(1)
                .statistics(StatisticsType::Node, 3, None, node(25_000_000))
                .statistics(StatisticsType::Node2, 0x0003_0001, None, node(7))
                .statistics(StatisticsType::ProcessNode, 3, Some(42), on_node(10))
                .statistics(
                    StatisticsType::ProcessNode2,
                    0x0003_0001,
                    Some(42),
                    on_node(20),
                ),
        );
        assert_eq!(
            adapter.engine_time(0, 3).unwrap(),
            Duration::from_millis(2500)
        );
        assert_eq!(
            adapter.engine_time(1, 3).unwrap(),
            Duration::from_nanos(700)
        );
        let of = |process, physical| adapter.process_engine_time(process, physical, 3);
        assert_eq!(of(42, 0).unwrap(), Duration::from_nanos(1000));
        assert_eq!(of(42, 1).unwrap(), Duration::from_nanos(2000));
        let error = of(43, 0).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EINVAL));
        assert_eq!(
            error.function().unwrap().to_string(),
            "D3DKMTQueryStatistics(D3DKMT_QUERYSTATISTICS_PROCESS_NODE)"
        );
    }

    #[test]
    fn memory_is_told_for_all_and_for_one() {
        let usage = MemoryUsage {
            allocated_bytes: 5,
            free_bytes: 100,
            zero_bytes: 10,
            modified_bytes: 2,
            standby_bytes: 1,
        };
        let own = ProcessSegmentGroupInformation {
            budget: 30,
            requested: 20,
            usage: 10,
            ..ProcessSegmentGroupInformation::default()
        };
        let adapter = only(
            FakeAdapter::silent(1)
                .statistics(StatisticsType::SegmentGroupUsage, 0x0001_0000, None, usage)
                .statistics(StatisticsType::ProcessSegmentGroup, 1, Some(7), own)
                .statistics(StatisticsType::ProcessSegmentGroup2, 2, Some(7), own),
        );
        let all = adapter.memory_in_use(0, SegmentGroup::NonLocal).unwrap();
        assert_eq!((all.used, all.total), (8, 118));
        assert!(adapter.memory_in_use(0, SegmentGroup::Local).is_err());
        for (physical, group) in [(0, SegmentGroup::NonLocal), (2, SegmentGroup::Local)] {
            let memory = adapter.process_memory(7, physical, group).unwrap();
            assert_eq!((memory.budget, memory.allocated, memory.used), (30, 20, 10));
        }
    }
}
