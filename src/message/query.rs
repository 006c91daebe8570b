// SPDX-License-Identifier: GPL-2.0

//! Commands that query a vGPU and change nothing.

use super::{
    put,
    take,
    Command,
    Opcode, //
};
use crate::{
    transport::ReplyBuffer,
    wire::{
        Handle,
        InterfaceVersion,
        NtStatus, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct QueryAdapterInfoHead {
    query_type: u32,
    private_data_size: u32,
}

/// Bytes after the data. The request has the size of a structure with one byte of data, rounded up
/// to 8, plus the data.
const QUERY_SLACK: usize = 39 - 24 - size_of::<QueryAdapterInfoHead>();

/// Command QUERYADAPTERINFO: queries an adapter. The private data goes in both directions.
pub(crate) struct QueryAdapterInfo<F> {
    /// Type of the query, not checked.
    pub(crate) query_type: u32,
    /// Length of the data in bytes.
    pub(crate) size: u32,
    /// Writes the data of the query.
    pub(crate) question: F,
}

/// Reply to [`QueryAdapterInfo`], with data of the length that was sent.
pub(crate) struct AdapterAnswer {
    reply: ReplyBuffer,
    start: usize,
}

impl AdapterAnswer {
    /// Returns the data.
    pub(crate) fn data(&self) -> &[u8] {
        self.reply.bytes().get(self.start..).unwrap_or_default()
    }

    /// Returns the data for writing.
    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        self.reply
            .bytes_mut()
            .get_mut(self.start..)
            .unwrap_or_default()
    }
}

impl<F: FnMut(&mut [u8]) -> Result> QueryAdapterInfo<F> {
    /// Returns the size of the reply before the data, in bytes.
    fn start(version: InterfaceVersion) -> usize {
        if version.is_extended() {
            size_of::<NtStatus>()
        } else {
            0
        }
    }
}

impl<F: FnMut(&mut [u8]) -> Result> Command for QueryAdapterInfo<F> {
    const OPCODE: Opcode = Opcode::Vgpu(2);
    const ECHO: bool = true;

    type Reply = AdapterAnswer;

    fn body_len(&self) -> usize {
        // CAST: `usize` has at least 32 bits.
        size_of::<QueryAdapterInfoHead>() + self.size as usize + QUERY_SLACK
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = QueryAdapterInfoHead {
            query_type: self.query_type,
            private_data_size: self.size,
        };
        let start = size_of::<QueryAdapterInfoHead>();
        let end = body.len().checked_sub(QUERY_SLACK).ok_or(EINVAL)?;

        put(body, &head)?;
        (self.question)(body.get_mut(start..end).ok_or(EINVAL)?)
    }

    fn reply_len(&self, version: InterfaceVersion) -> usize {
        // CAST: `usize` has at least 32 bits.
        Self::start(version) + self.size as usize
    }

    fn parse(&self, version: InterfaceVersion, reply: ReplyBuffer) -> Result<AdapterAnswer> {
        if version.is_extended() {
            take::<NtStatus>(reply.bytes())?.into_result()?;
        }
        Ok(AdapterAnswer {
            reply,
            start: Self::start(version),
        })
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct QueryVideoMemoryInfoBody {
    adapter: Handle,
    memory_segment_group: u32,
    physical_adapter_index: u32,
    padding: u32,
}

static_assert!(size_of::<QueryVideoMemoryInfoBody>() == 40 - 24);

/// Command QUERYVIDEOMEMORYINFO: returns the memory budget of the calling process.
pub(crate) struct QueryVideoMemoryInfo {
    /// The host's handle of the adapter.
    pub(crate) adapter: Handle,
    /// Whether local or non-local memory is meant.
    pub(crate) memory_segment_group: u32,
    /// Index of the GPU in a linked adapter.
    pub(crate) physical_adapter_index: u32,
}

/// The memory budget of a process, in bytes.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct VideoMemory {
    /// Bytes the process should stay below.
    pub(crate) budget: u64,
    /// Bytes in use.
    pub(crate) current_usage: u64,
    /// Bytes reserved.
    pub(crate) current_reservation: u64,
    /// Bytes that could be reserved.
    pub(crate) available_for_reservation: u64,
}

static_assert!(size_of::<VideoMemory>() == 32);

impl Command for QueryVideoMemoryInfo {
    const OPCODE: Opcode = Opcode::Vgpu(21);

    type Reply = VideoMemory;

    fn body_len(&self) -> usize {
        size_of::<QueryVideoMemoryInfoBody>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        put(
            body,
            &QueryVideoMemoryInfoBody {
                adapter: self.adapter,
                memory_segment_group: self.memory_segment_group,
                physical_adapter_index: self.physical_adapter_index,
                padding: 0,
            },
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<VideoMemory>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<VideoMemory> {
        take(reply.bytes())
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct IsFeatureEnabledBody {
    feature_id: u32,
    padding: u32,
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct IsFeatureEnabledReply {
    status: NtStatus,
    min_supported_version: u16,
    max_supported_version: u16,
    descriptor_flags: u16,
    version: u16,
    flags: u16,
    padding: u16,
}

static_assert!(size_of::<IsFeatureEnabledBody>() == 32 - 24);
static_assert!(size_of::<IsFeatureEnabledReply>() == 16);
static_assert!(core::mem::offset_of!(IsFeatureEnabledReply, version) == 10);

/// Command ISFEATUREENABLED: returns the state of a feature.
pub(crate) struct IsFeatureEnabled {
    /// Number of the feature, not checked.
    pub(crate) feature_id: u32,
}

/// Reply to [`IsFeatureEnabled`].
pub(crate) struct FeatureAnswer {
    /// Success code of the host; the other fields are valid only if it is 0.
    pub(crate) code: isize,
    /// Version of the feature.
    pub(crate) version: u16,
    /// Bits 0 to 3: enabled, known, supported by the driver, supported on this configuration. All
    /// bits are passed on.
    pub(crate) flags: u16,
}

impl Command for IsFeatureEnabled {
    const OPCODE: Opcode = Opcode::Vgpu(68);

    type Reply = FeatureAnswer;

    fn body_len(&self) -> usize {
        size_of::<IsFeatureEnabledBody>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        put(
            body,
            &IsFeatureEnabledBody {
                feature_id: self.feature_id,
                padding: 0,
            },
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<IsFeatureEnabledReply>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<FeatureAnswer> {
        let reply: IsFeatureEnabledReply = take(reply.bytes())?;

        Ok(FeatureAnswer {
            code: reply.status.into_result()?,
            version: reply.version,
            flags: reply.flags,
        })
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_query)]
mod tests {
    use super::{
        super::{
            encode,
            take_at, //
        },
        *, //
    };
    use crate::{
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
        wire::HostProcess, //
    };

    fn query(size: u32) -> QueryAdapterInfo<impl FnMut(&mut [u8]) -> Result> {
        QueryAdapterInfo {
            query_type: 15,
            size,
            question: |bytes: &mut [u8]| {
                bytes.fill(0xA5);
                Ok(())
            },
        }
    }

    #[test]
    fn adapter_info_sizes() -> Result {
        for (version, size, length) in [
            (40, 1, 16 + 40),
            (40, 9, 16 + 48),
            (40, 131_016, 131_071),
            (40, 131_017, 131_072),
            (27, 1, 40),
            (27, 131_033, 131_072),
        ] {
            let message = encode(envelope(version), HostProcess::GUEST, &mut query(size))?;
            let bytes = message.bytes();
            let start = bytes.len() - 24 - 15 - size as usize;

            assert_eq!(bytes.len(), length);
            assert_eq!(take_at::<u32>(bytes, start + 16)?, 2);
            assert_eq!(take_at::<u32>(bytes, start + 24)?, 15);
            assert_eq!(take_at::<u32>(bytes, start + 28)?, size);
            assert_eq!(bytes[start + 32], 0xA5);
            assert_eq!(bytes[start + 32 + size as usize - 1], 0xA5);
            // The bytes after the data are zero.
            assert_eq!(bytes[start + 32 + size as usize..], [0; 7]);
        }
        for (version, size) in [(40, 131_018), (40, u32::MAX), (27, 131_034)] {
            let result = encode(envelope(version), HostProcess::GUEST, &mut query(size));

            assert_eq!(result.err().map(|error| error.to_errno()), Some(-22));
        }
        Ok(())
    }

    #[test]
    fn adapter_info_failing_question() -> Result {
        let rig = Rig::new()?;
        let result = rig.link(envelope(40))?.call(
            HostProcess::GUEST,
            QueryAdapterInfo {
                query_type: 0,
                size: 8,
                question: |_: &mut [u8]| Err(EFAULT),
            },
            LONG,
        );

        assert_eq!(result.err().map(|error| error.to_errno()), Some(-14));
        assert_eq!(rig.host.sent_count(), 0);
        Ok(())
    }

    #[test]
    fn adapter_info_answers() -> Result {
        let rig = Rig::new()?;
        let ask = |version: u32, reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(version))?
                .call(HostProcess::GUEST, query(4), LONG)
        };

        // With a status since version 40, without one before.
        assert_eq!(ask(40, &[0, 0, 0, 0, 1, 2, 3, 4])?.data(), [1, 2, 3, 4]);
        assert_eq!(ask(27, &[1, 2, 3, 4, 0, 0, 0, 0])?.data(), [1, 2, 3, 4]);

        let refused = ask(40, &[0x34, 0, 0, 0xC0, 1, 2, 3, 4]);
        let short = ask(40, &[0, 0, 0, 0, 1, 2, 3]);

        assert_eq!(refused.err().map(|error| error.to_errno()), Some(-2));
        assert_eq!(short.err().map(|error| error.to_errno()), Some(-75));
        // An old host refuses an unknown query with an empty reply.
        assert_eq!(ask(27, &[]).err().map(|error| error.to_errno()), Some(-75));
        Ok(())
    }

    #[test]
    fn video_memory_info() -> Result {
        let rig = Rig::new()?;
        let mut reply = [0; 32];

        for (index, byte) in reply.iter_mut().step_by(8).enumerate() {
            *byte = index as u8 + 1;
        }
        rig.host.then(Answer::reply(&reply)?)?;

        let memory = rig.link(envelope(40))?.call(
            HostProcess::GUEST,
            QueryVideoMemoryInfo {
                adapter: Handle::from_raw(0x4000_0040),
                memory_segment_group: 1,
                physical_adapter_index: 2,
            },
            LONG,
        )?;
        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 16 + 40);
        assert_eq!(take_at::<u32>(&message, 16 + 16)?, 21);
        assert_eq!(take_at::<u32>(&message, 16 + 24)?, 0x4000_0040);
        assert_eq!(take_at::<u32>(&message, 16 + 28)?, 1);
        assert_eq!(take_at::<u32>(&message, 16 + 32)?, 2);
        assert_eq!(memory.budget, 1);
        assert_eq!(memory.current_usage, 2);
        assert_eq!(memory.current_reservation, 3);
        assert_eq!(memory.available_for_reservation, 4);
        Ok(())
    }

    #[test]
    fn feature() -> Result {
        let rig = Rig::new()?;
        let ask = |reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(40))?.call(
                HostProcess::GUEST,
                IsFeatureEnabled { feature_id: 32 },
                LONG,
            )
        };
        let known = ask(&[0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 2, 1, 0xF5, 0xFF, 0, 0])?;
        let pending = ask(&[3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
        let refused = ask(&[0x0D, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

        assert_eq!(rig.host.message(0)?.len(), 16 + 32);
        assert_eq!(take_at::<u32>(&rig.host.message(0)?, 16 + 24)?, 32);
        assert_eq!(known.code, 0);
        assert_eq!(known.version, 0x102);
        // Bits that are not known here are passed on.
        assert_eq!(known.flags, 0xFFF5);
        assert_eq!(pending.code, 0x103);
        assert_eq!(refused.err().map(|error| error.to_errno()), Some(-22));
        Ok(())
    }
}
