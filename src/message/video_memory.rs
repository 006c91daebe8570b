// SPDX-License-Identifier: GPL-2.0

//! Commands for the memory of an adapter.

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

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ChangeReservationBody {
    process: u64,
    adapter: Handle,
    memory_segment_group: u32,
    reservation: u64,
    physical_adapter_index: u32,
    padding: u32,
}

static_assert!(size_of::<ChangeReservationBody>() == 56 - 24);

/// Command CHANGEVIDEOMEMORYRESERVATION: changes the amount of memory reserved for the process.
pub(crate) struct ChangeReservation {
    /// Whether local or non-local memory is meant.
    pub(crate) memory_segment_group: u32,
    /// Bytes to reserve.
    pub(crate) reservation: u64,
    /// Index of the GPU in a linked adapter.
    pub(crate) physical_adapter_index: u32,
}

impl FixedCommand for ChangeReservation {
    const OPCODE: Opcode = Opcode::Vgpu(49);

    type Body = ChangeReservationBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> ChangeReservationBody {
        ChangeReservationBody {
            process: 0,
            adapter: Handle::NONE,
            memory_segment_group: self.memory_segment_group,
            reservation: self.reservation,
            physical_adapter_index: self.physical_adapter_index,
            padding: 0,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

/// Command FLUSHHEAPTRANSITIONS: waits until all transitions of memory between heaps are done.
pub(crate) struct FlushHeapTransitions;

impl FixedCommand for FlushHeapTransitions {
    const OPCODE: Opcode = Opcode::Vgpu(37);

    type Body = ();
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) {}

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_video_memory)]
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
    fn change_reservation() -> Result {
        let rig = Rig::new()?;
        let ask = |reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(40))?.call(
                HostProcess::GUEST,
                ChangeReservation {
                    memory_segment_group: 1,
                    reservation: 0x1_0000_0002,
                    physical_adapter_index: 3,
                },
                LONG,
            )
        };

        assert_eq!(ask(&[3, 1, 0, 0])?, 0x103);
        assert!(ask(&[0x17, 0, 0, 0xC0]).is_err());

        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 16 + 56);
        assert_eq!(take_at::<u32>(&message, 16 + 16)?, 49);
        assert_eq!(take_at::<[u32; 4]>(&message, 16 + 24)?, [0, 0, 0, 1]);
        assert_eq!(take_at::<[u32; 4]>(&message, 16 + 40)?, [2, 1, 3, 0]);
        Ok(())
    }

    #[test]
    fn flush_heap_transitions() -> Result {
        let rig = Rig::new()?;

        rig.host.then(Answer::reply(&[0; 4])?)?;
        rig.link(envelope(27))?
            .call(HostProcess::GUEST, FlushHeapTransitions, LONG)?;

        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 24);
        assert_eq!(take_at::<u32>(&message, 16)?, 37);
        Ok(())
    }
}
