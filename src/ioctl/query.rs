// SPDX-License-Identifier: GPL-2.0

//! Queries about an adapter that the host answers.

use super::{
    entry,
    user_args::{
        read_bytes,
        write_field,
        write_slice,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::query as command,
    transport::MAX_MESSAGE,
    uapi::query as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<QueryAdapterInfo>(),
    entry::<QueryVideoMemoryInfo>(),
    entry::<IsFeatureEnabled>(),
];

/// Bits in the first word of the answer to an adapter type query.
mod adapter_type {
    pub(super) const DISPLAY_SUPPORTED: u32 = 1 << 1;
    pub(super) const POST_DEVICE: u32 = 1 << 3;
    pub(super) const INDIRECT_DISPLAY_DEVICE: u32 = 1 << 6;
    pub(super) const PARAVIRTUALIZED: u32 = 1 << 7;
    pub(super) const ACG_SUPPORTED: u32 = 1 << 8;
    pub(super) const SUPPORT_SET_TIMINGS_FROM_VIDPN: u32 = 1 << 9;
    pub(super) const COMPUTE_ONLY: u32 = 1 << 11;
}

/// Corrects the adapter type in `answer`: the host describes its own adapter, not the vGPU. An
/// answer of less than a word is left unchanged.
fn correct_adapter_type(answer: &mut [u8], compute_only: bool) {
    use adapter_type::*;

    let Some(word) = answer.first_chunk_mut::<4>() else {
        return;
    };
    let mut bits = u32::from_le_bytes(*word);

    bits &= !(DISPLAY_SUPPORTED
        | POST_DEVICE
        | INDIRECT_DISPLAY_DEVICE
        | ACG_SUPPORTED
        | SUPPORT_SET_TIMINGS_FROM_VIDPN
        | COMPUTE_ONLY);
    bits |= PARAVIRTUALIZED;
    if compute_only {
        bits |= COMPUTE_ONLY;
    }
    *word = bits.to_le_bytes();
}

/// 0x09: forwards a query about an adapter to the host.
pub(super) struct QueryAdapterInfo;

impl Ioctl for QueryAdapterInfo {
    const REQUEST: u32 = 0xC018_4709;

    type Argument = abi::QueryAdapterInfo;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        // CAST: `usize` has at least 32 bits.
        let size = argument.private_data_size as usize;

        if size == 0 || size > MAX_MESSAGE {
            return Err(EINVAL);
        }

        let adapter = caller.process.adapter(argument.adapter)?;
        let mut answer = adapter.active()?.call(
            caller.process.on_host()?,
            command::QueryAdapterInfo {
                query_type: argument.r#type,
                size: argument.private_data_size,
                question: |bytes: &mut [u8]| read_bytes(argument.private_data, bytes),
            },
        )?;

        if let abi::QueryAdapterInfo::ADAPTER_TYPE | abi::QueryAdapterInfo::ADAPTER_TYPE_RENDER =
            argument.r#type
        {
            correct_adapter_type(answer.data_mut(), adapter.compute_only());
        }
        write_slice(argument.private_data, answer.data())?;
        Ok(0)
    }
}

/// 0x0A: returns the memory budget of the calling process.
pub(super) struct QueryVideoMemoryInfo;

impl Ioctl for QueryVideoMemoryInfo {
    const REQUEST: u32 = 0xC038_470A;

    type Argument = abi::QueryVideoMemoryInfo;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        type Abi = abi::QueryVideoMemoryInfo;

        if argument.process != 0 {
            return Err(EINVAL);
        }

        let active = caller.process.adapter(argument.adapter)?.active()?;
        let memory = active.call(
            caller.process.on_host()?,
            command::QueryVideoMemoryInfo {
                adapter: active.host_adapter(),
                memory_segment_group: argument.memory_segment_group,
                physical_adapter_index: argument.physical_adapter_index,
            },
        )?;

        write_field!(argument, Abi, budget, &memory.budget)?;
        write_field!(argument, Abi, current_usage, &memory.current_usage)?;
        write_field!(
            argument,
            Abi,
            current_reservation,
            &memory.current_reservation
        )?;
        write_field!(
            argument,
            Abi,
            available_for_reservation,
            &memory.available_for_reservation
        )?;
        Ok(0)
    }
}

/// 0x49: returns whether a feature may be used.
pub(super) struct IsFeatureEnabled;

impl Ioctl for IsFeatureEnabled {
    const REQUEST: u32 = 0xC00C_4749;

    type Argument = abi::IsFeatureEnabled;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let active = caller.process.adapter(argument.adapter)?.active()?;

        // Fail as all other requests do for a process that the host no longer knows.
        caller.process.on_host()?;
        // The protocol requires that this command is sent on behalf of the guest.
        let answer = active.call(
            crate::wire::HostProcess::GUEST,
            command::IsFeatureEnabled {
                feature_id: argument.feature_id,
            },
        )?;

        if answer.code == 0 {
            let result = abi::FeatureResult {
                version: answer.version,
                value: answer.flags,
            };

            write_field!(argument, abi::IsFeatureEnabled, result, &result)?;
        }
        Ok(answer.code)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_query)]
mod tests {
    use super::*;

    fn corrected(bits: u32, compute_only: bool) -> u32 {
        let mut answer = bits.to_le_bytes();

        correct_adapter_type(&mut answer, compute_only);
        u32::from_le_bytes(answer)
    }

    #[test]
    fn adapter_type_is_corrected() {
        assert_eq!(corrected(0, false), 0x80);
        assert_eq!(corrected(0, true), 0x880);
        assert_eq!(corrected(u32::MAX, false), 0xFFFF_F4B5);
        assert_eq!(corrected(u32::MAX, true), 0xFFFF_FCB5);
    }

    #[test]
    fn short_answers_are_left_alone() {
        let mut answer = [0xFF; 3];

        correct_adapter_type(&mut answer, true);
        assert_eq!(answer, [0xFF; 3]);
        correct_adapter_type(&mut [], true);
    }

    #[test]
    fn only_the_first_word_is_touched() {
        let mut answer = [0xFF; 6];

        correct_adapter_type(&mut answer, false);
        assert_eq!(answer[4..], [0xFF; 2]);
    }
}
