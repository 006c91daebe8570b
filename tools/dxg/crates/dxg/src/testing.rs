// SPDX-License-Identifier: GPL-2.0

//! A driver made of data, to test programs without a device.
//!
//! It keeps the rules that callers depend on: handles are counted and checked, arrays that are too
//! small give `EOVERFLOW` and the length needed, unknown queries give `EINVAL`.

mod compute;

use crate::{
    driver::Outcome,
    uapi::{
        adapter::*,
        query::AdapterQuery,
        statistics::{QueryStatistics, StatisticsResult, StatisticsType},
        Request,
    },
    Dxg, Errno, Feature, Luid, NtStatus, SegmentGroup, VideoMemory,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use zerocopy::FromBytes;

/// One adapter of the [`FakeDriver`].
#[derive(Clone, Debug, Default)]
pub struct FakeAdapter {
    luid: Luid,
    compute_only: bool,
    /// By query number and first word of the input, which tells engines and physical adapters
    /// apart and is 0 for all other queries.
    answers: BTreeMap<(u32, u32), Result<Vec<u8>, Errno>>,
    memory: BTreeMap<(u32, u32), VideoMemory>,
    features: BTreeMap<u32, Result<IsFeatureEnabledResult, NtStatus>>,
    processes: Vec<u32>,
    /// By type, selector and process, 0 for the caller.
    statistics: BTreeMap<(u32, u32, u64), FakeStatistics>,
}

/// The answers to one question for statistics.
#[derive(Clone, Debug)]
struct FakeStatistics {
    result: Vec<u8>,
    /// How much the first number of the result grows with each time it is asked for.
    growth: u64,
}

impl FakeAdapter {
    /// An adapter that answers nothing.
    pub fn silent(low: u32) -> Self {
        Self {
            luid: Luid { a: low, b: 0 },
            ..Self::default()
        }
    }

    /// Hides the adapter from enumerations that do not include compute-only adapters.
    pub fn compute_only(mut self) -> Self {
        self.compute_only = true;
        self
    }

    /// Answers the query `Q` whose input starts with `input`.
    pub fn answer<Q: AdapterQuery>(mut self, input: u32, answer: Q) -> Self {
        let bytes = answer.as_bytes().to_vec();
        self.answers.insert((Q::TYPE, input), Ok(bytes));
        self
    }

    /// Fails the query `Q` whose input starts with `input`.
    pub fn refuse<Q: AdapterQuery>(mut self, input: u32, errno: Errno) -> Self {
        self.answers.insert((Q::TYPE, input), Err(errno));
        self
    }

    /// Sets a memory budget.
    pub fn memory(mut self, physical: u32, group: SegmentGroup, memory: VideoMemory) -> Self {
        self.memory.insert((physical, group.number()), memory);
        self
    }

    /// Answers a feature query; a status other than 0 comes without data.
    pub fn feature(
        mut self,
        feature: Feature,
        answer: Result<IsFeatureEnabledResult, NtStatus>,
    ) -> Self {
        self.features.insert(feature.0, answer);
        self
    }

    /// Answers a question for statistics.
    pub fn statistics<R: StatisticsResult>(
        self,
        what: StatisticsType,
        selector: u32,
        process: Option<u32>,
        result: R,
    ) -> Self {
        self.growing_statistics(what, selector, process, result, 0)
    }

    /// Answers a question for statistics, each time with a larger first number.
    pub fn growing_statistics<R: StatisticsResult>(
        mut self,
        what: StatisticsType,
        selector: u32,
        process: Option<u32>,
        result: R,
        growth: u64,
    ) -> Self {
        let key = (what as u32, selector, process.unwrap_or(0).into());
        let result = result.as_bytes().to_vec();
        self.statistics
            .insert(key, FakeStatistics { result, growth });
        self
    }

    /// Sets the processes that have the adapter open.
    pub fn processes(mut self, processes: impl Into<Vec<u32>>) -> Self {
        self.processes = processes.into();
        self
    }
}

#[derive(Default)]
struct State {
    adapters: Vec<FakeAdapter>,
    /// Each enumeration that counts or fails is followed by one of these arrivals.
    arrivals: VecDeque<Vec<FakeAdapter>>,
    open: BTreeMap<u32, Luid>,
    closed: BTreeSet<u32>,
    opened: u32,
    no_handles: bool,
    failure: Option<Errno>,
    objects: compute::Objects,
    calls: Vec<&'static str>,
}

/// A driver made of data. Clones share it, so that a test can look at what a [`Dxg`] has done.
#[derive(Clone, Default)]
pub struct FakeDriver {
    shared: Arc<Mutex<State>>,
}

impl FakeDriver {
    /// A driver with these adapters.
    pub fn new(adapters: impl IntoIterator<Item = FakeAdapter>) -> Self {
        let driver = Self::default();
        driver.state().adapters.extend(adapters);
        driver
    }

    /// A device on this driver.
    pub fn device(&self) -> Dxg {
        Dxg::with_driver(self.clone())
    }

    /// Lets these adapters arrive right after the next count or failed enumeration; later calls
    /// queue further arrivals.
    pub fn arrive_later(&self, adapters: impl IntoIterator<Item = FakeAdapter>) {
        self.state().arrivals.push_back(Vec::from_iter(adapters));
    }

    /// Replaces the processes of the first adapter.
    pub fn set_processes(&self, processes: impl Into<Vec<u32>>) {
        if let Some(adapter) = self.state().adapters.first_mut() {
            adapter.processes = processes.into();
        }
    }

    /// Fails every call from now on.
    pub fn fail_all(&self, errno: Errno) {
        self.state().failure = Some(errno);
    }

    /// Reports success for opened adapters from now on, without opening any.
    pub fn give_no_handles(&self) {
        self.state().no_handles = true;
    }

    /// How many adapter handles are open.
    pub fn open_handles(&self) -> usize {
        self.state().open.len()
    }

    /// How often a function was called.
    pub fn calls<R: Request>(&self) -> usize {
        let state = self.state();
        state
            .calls
            .iter()
            .filter(|&&name| name == R::FUNCTION)
            .count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the call and gives the state, unless all calls fail.
    fn enter<R: Request>(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.state();
        state.calls.push(R::FUNCTION);
        match state.failure {
            None => Ok(state),
            Some(errno) => Err(errno),
        }
    }
}

impl State {
    fn by_handle(&self, handle: Handle) -> Result<&FakeAdapter, Errno> {
        let luid = self.open.get(&handle.0).ok_or(Errno::EINVAL)?;
        self.by_luid(*luid)
    }

    fn by_luid(&self, luid: Luid) -> Result<&FakeAdapter, Errno> {
        let mut adapters = self.adapters.iter();
        adapters.find(|a| a.luid == luid).ok_or(Errno::EINVAL)
    }

    fn open(&mut self, luid: Luid) -> Handle {
        if self.no_handles {
            return Handle(0);
        }
        let handle = 0x4000_0000 + 0x40 * self.opened;
        self.opened += 1;
        self.open.insert(handle, luid);
        Handle(handle)
    }

    fn arrive(&mut self) {
        let arrivals = self.arrivals.pop_front().unwrap_or_default();
        self.adapters.extend(arrivals);
    }
}

impl crate::Driver for FakeDriver {
    fn enum_adapters3(
        &self,
        arguments: &mut EnumAdapters3,
        adapters: &mut [AdapterInfo],
    ) -> Outcome {
        let mut state = self.enter::<EnumAdapters3>()?;
        if adapters.is_empty() {
            arguments.adapter_count = state.adapters.len() as u32;
            state.arrive();
            return Ok(NtStatus::SUCCESS);
        }
        let all = arguments.filter & FILTER_INCLUDE_COMPUTE_ONLY != 0;
        let found: Vec<Luid> = state
            .adapters
            .iter()
            .filter(|adapter| all || !adapter.compute_only)
            .map(|adapter| adapter.luid)
            .collect();
        arguments.adapter_count = found.len() as u32;
        if found.len() > adapters.len() {
            state.arrive();
            return Err(Errno::EOVERFLOW);
        }
        for (entry, luid) in adapters.iter_mut().zip(found) {
            entry.adapter_handle = state.open(luid);
            entry.adapter_luid = luid;
        }
        Ok(NtStatus::SUCCESS)
    }

    fn open_adapter_from_luid(&self, arguments: &mut OpenAdapterFromLuid) -> Outcome {
        let mut state = self.enter::<OpenAdapterFromLuid>()?;
        state.by_luid(arguments.adapter_luid)?;
        arguments.adapter_handle = state.open(arguments.adapter_luid);
        Ok(NtStatus::SUCCESS)
    }

    fn close_adapter(&self, arguments: &mut CloseAdapter) -> Outcome {
        let mut state = self.enter::<CloseAdapter>()?;
        let handle = arguments.adapter_handle.0;
        assert!(!state.closed.contains(&handle), "{handle:#x} closed twice");
        state.open.remove(&handle).ok_or(Errno::EINVAL)?;
        state.closed.insert(handle);
        Ok(NtStatus::SUCCESS)
    }

    fn query_adapter_info(&self, arguments: &mut QueryAdapterInfo, data: &mut [u8]) -> Outcome {
        let state = self.enter::<QueryAdapterInfo>()?;
        let adapter = state.by_handle(arguments.adapter)?;
        let input = u32::read_from_prefix(data).map_or(0, |(word, _)| word);
        let answer = adapter.answers.get(&(arguments.r#type, input));
        let answer = answer.ok_or(Errno::EINVAL)?.as_ref().map_err(|&e| e)?;
        if answer.len() != data.len() {
            return Err(Errno::EINVAL);
        }
        data.copy_from_slice(answer);
        Ok(NtStatus::SUCCESS)
    }

    fn query_video_memory_info(&self, arguments: &mut QueryVideoMemoryInfo) -> Outcome {
        let state = self.enter::<QueryVideoMemoryInfo>()?;
        let key = (
            arguments.physical_adapter_index,
            arguments.memory_segment_group,
        );
        let adapter = state.by_handle(arguments.adapter)?;
        let memory = adapter.memory.get(&key).ok_or(Errno::EOVERFLOW)?;
        arguments.budget = memory.budget;
        arguments.current_usage = memory.current_usage;
        arguments.current_reservation = memory.current_reservation;
        arguments.available_for_reservation = memory.available_for_reservation;
        Ok(NtStatus::SUCCESS)
    }

    fn query_statistics(&self, arguments: &mut QueryStatistics) -> Outcome {
        let mut state = self.enter::<QueryStatistics>()?;
        let mut adapters = state.adapters.iter_mut();
        let adapter = adapters.find(|a| a.luid == arguments.adapter_luid);
        let key = (arguments.r#type, arguments.selector, arguments.process);
        let answer = adapter.and_then(|adapter| adapter.statistics.get_mut(&key));
        let FakeStatistics { result, growth } = answer.ok_or(Errno::EINVAL)?;
        arguments.result.fill(0);
        arguments.result[..result.len()].copy_from_slice(result);
        if let Some((first, _)) = result.split_first_chunk_mut::<8>() {
            *first = u64::from_le_bytes(*first)
                .wrapping_add(*growth)
                .to_le_bytes();
        }
        Ok(NtStatus::SUCCESS)
    }

    fn enum_processes(&self, arguments: &mut EnumProcesses, processes: &mut [u32]) -> Outcome {
        let state = self.enter::<EnumProcesses>()?;
        let found = &state.by_luid(arguments.adapter_luid)?.processes;
        arguments.buffer_count = found.len() as u64;
        let room = processes.get_mut(..found.len()).ok_or(Errno::EOVERFLOW)?;
        room.copy_from_slice(found);
        Ok(NtStatus::SUCCESS)
    }

    fn is_feature_enabled(&self, arguments: &mut IsFeatureEnabled) -> Outcome {
        let state = self.enter::<IsFeatureEnabled>()?;
        let adapter = state.by_handle(arguments.adapter)?;
        let answer = adapter.features.get(&arguments.feature_id);
        match answer.ok_or(Errno::EINVAL)? {
            Ok(result) => arguments.result = *result,
            Err(status) => return Ok(*status),
        }
        Ok(NtStatus::SUCCESS)
    }
}
