// SPDX-License-Identifier: GPL-2.0

//! The command that reads the clocks of a GPU engine and of the host.

use super::{
    FixedCommand,
    Opcode, //
};
use crate::wire::{
    Handle,
    NtStatus, //
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Size of the clocks in bytes, packed.
const CLOCK_DATA: usize = 28;

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct QueryClockCalibrationBody {
    adapter: Handle,
    node_ordinal: u32,
    physical_adapter_index: u32,
    clock_data: [u8; CLOCK_DATA],
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct QueryClockCalibrationAnswer {
    status: NtStatus,
    clock_data: [u8; CLOCK_DATA],
}

static_assert!(size_of::<QueryClockCalibrationBody>() == 64 - 24);
static_assert!(size_of::<QueryClockCalibrationAnswer>() == 32);

/// Command QUERYCLOCKCALIBRATION: reads the clocks of an engine and of the host at the same moment.
pub(crate) struct QueryClockCalibration {
    /// The host's handle of the adapter.
    pub(crate) adapter: Handle,
    /// Ordinal of the engine.
    pub(crate) node_ordinal: u32,
    /// Index of the GPU in a linked adapter.
    pub(crate) physical_adapter_index: u32,
}

/// Reply to [`QueryClockCalibration`].
pub(crate) struct Clocks {
    /// Success code of the host.
    pub(crate) code: isize,
    /// The clocks in the layout of the user ABI.
    pub(crate) data: [u8; CLOCK_DATA],
}

impl FixedCommand for QueryClockCalibration {
    const OPCODE: Opcode = Opcode::Vgpu(62);

    type Body = QueryClockCalibrationBody;
    type ReplyBody = QueryClockCalibrationAnswer;
    type Reply = Clocks;

    fn body(&self) -> QueryClockCalibrationBody {
        QueryClockCalibrationBody {
            adapter: self.adapter,
            node_ordinal: self.node_ordinal,
            physical_adapter_index: self.physical_adapter_index,
            clock_data: [0; CLOCK_DATA],
        }
    }

    fn reply(&self, answer: QueryClockCalibrationAnswer) -> Result<Clocks> {
        Ok(Clocks {
            code: answer.status.into_result()?,
            data: answer.clock_data,
        })
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_clock)]
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
        wire::HostProcess, //
    };

    #[test]
    fn query() -> Result {
        let rig = Rig::new()?;
        let ask = |reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(40))?.call(
                HostProcess::GUEST,
                QueryClockCalibration {
                    adapter: Handle::from_raw(0x4000_0040),
                    node_ordinal: 1,
                    physical_adapter_index: 2,
                },
                LONG,
            )
        };
        let mut reply = [7; 32];

        reply[..4].fill(0);

        let clocks = ask(&reply)?;

        assert_eq!(clocks.code, 0);
        assert_eq!(clocks.data, [7; CLOCK_DATA]);
        assert!(ask(&reply[..31]).is_err());
        reply[3] = 0xC0;
        assert!(ask(&reply).is_err());

        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 16 + 64);
        assert_eq!(take_at::<u32>(&message, 16 + 16)?, 62);
        assert_eq!(take_at::<[u32; 3]>(&message, 16 + 24)?, [0x4000_0040, 1, 2]);
        assert_eq!(message[16 + 36..], [0; CLOCK_DATA]);
        Ok(())
    }
}
