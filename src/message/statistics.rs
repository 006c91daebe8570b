// SPDX-License-Identifier: GPL-2.0

//! Statistics of the host about adapters and processes.

use super::{
    private_data::PrivateData,
    put,
    take,
    Command,
    Opcode, //
};
use crate::{
    transport::ReplyBuffer,
    wire::{
        InterfaceVersion,
        Luid,
        NtStatus, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Size of the result in bytes.
const RESULT: usize = 776;

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct QueryStatisticsBody {
    statistics_type: u32,
    adapter_luid: Luid,
    padding: u32,
    process: u64,
    result: [u8; RESULT],
    selector: [u8; 8],
}

static_assert!(size_of::<QueryStatisticsBody>() == 832 - 24);

/// Size of the reply before the result, in bytes.
const START: usize = 8;

/// Command QUERYSTATISTICS: returns statistics of the process on whose behalf it is sent, or of the
/// adapter.
pub(crate) struct QueryStatistics {
    /// Subject of the statistics.
    pub(crate) statistics_type: u32,
    /// The host's LUID of the adapter.
    pub(crate) adapter_luid: Luid,
    /// Index of the segment, engine or other part that the type selects.
    pub(crate) selector: [u8; 8],
}

impl Command for QueryStatistics {
    const OPCODE: Opcode = Opcode::Vgpu(48);

    type Reply = PrivateData;

    fn body_len(&self) -> usize {
        size_of::<QueryStatisticsBody>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        put(
            body,
            &QueryStatisticsBody {
                statistics_type: self.statistics_type,
                adapter_luid: self.adapter_luid,
                padding: 0,
                process: 0,
                result: [0; RESULT],
                selector: self.selector,
            },
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        START + RESULT
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<PrivateData> {
        take::<NtStatus>(reply.bytes())?.into_result()?;
        // CAST: The size is 776.
        PrivateData::new(reply, START, RESULT as u32)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_statistics)]
mod tests {
    use super::*;
    use crate::{
        message::take_at,
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
        wire::{
            Handle,
            HostProcess, //
        },
    };

    #[test]
    fn query() -> Result {
        let rig = Rig::new()?;
        let process = HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)?;
        let ask = |reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(40))?.call(
                process,
                QueryStatistics {
                    statistics_type: 3,
                    adapter_luid: Luid { a: 1, b: 2 },
                    selector: [7; 8],
                },
                LONG,
            )
        };
        let mut reply = [0xA5; 784];

        reply[..4].fill(0);
        assert_eq!(ask(&reply)?.bytes(), [0xA5; RESULT]);
        assert!(ask(&reply[..783]).is_err());
        reply[3] = 0xC0;
        assert!(ask(&reply).is_err());

        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 16 + 832);
        assert_eq!(take_at::<u32>(&message, 16 + 8)?, 0x4000_0080);
        assert_eq!(take_at::<u32>(&message, 16 + 16)?, 48);
        assert_eq!(take_at::<[u32; 4]>(&message, 16 + 24)?, [3, 1, 2, 0]);
        // Neither the caller's result buffer nor a process id of the guest is sent.
        assert_eq!(message[16 + 40..16 + 824], [0; 784]);
        assert_eq!(message[16 + 824..], [7; 8]);
        Ok(())
    }
}
