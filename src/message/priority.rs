// SPDX-License-Identifier: GPL-2.0

//! Commands for the scheduling priority of contexts.

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
pub(crate) struct SetContextPriorityBody {
    context: Handle,
    priority: i32,
    in_process: u8,
    padding: [u8; 7],
}

static_assert!(size_of::<SetContextPriorityBody>() == 40 - 24);

/// Command SETCONTEXTSCHEDULINGPRIORITY: sets the priority of a context.
pub(crate) struct SetContextPriority {
    /// Handle of the context.
    pub(crate) context: Handle,
    /// New priority, not checked.
    pub(crate) priority: i32,
    /// Whether the priority is the one among the contexts of the process.
    pub(crate) in_process: bool,
}

impl FixedCommand for SetContextPriority {
    const OPCODE: Opcode = Opcode::Vgpu(33);

    type Body = SetContextPriorityBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> SetContextPriorityBody {
        SetContextPriorityBody {
            context: self.context,
            priority: self.priority,
            in_process: self.in_process.into(),
            padding: [0; 7],
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct GetContextPriorityBody {
    context: Handle,
    in_process: u8,
    padding: [u8; 3],
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct GetContextPriorityAnswer {
    status: NtStatus,
    priority: i32,
}

static_assert!(size_of::<GetContextPriorityBody>() == 32 - 24);
static_assert!(size_of::<GetContextPriorityAnswer>() == 8);

/// Command GETCONTEXTSCHEDULINGPRIORITY: returns the priority of a context.
pub(crate) struct GetContextPriority {
    /// Handle of the context.
    pub(crate) context: Handle,
    /// Whether the priority is the one among the contexts of the process.
    pub(crate) in_process: bool,
}

impl FixedCommand for GetContextPriority {
    const OPCODE: Opcode = Opcode::Vgpu(61);

    type Body = GetContextPriorityBody;
    type ReplyBody = GetContextPriorityAnswer;
    type Reply = i32;

    fn body(&self) -> GetContextPriorityBody {
        GetContextPriorityBody {
            context: self.context,
            in_process: self.in_process.into(),
            padding: [0; 3],
        }
    }

    fn reply(&self, answer: GetContextPriorityAnswer) -> Result<i32> {
        answer.status.into_result()?;
        Ok(answer.priority)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_priority)]
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

    const CONTEXT: Handle = Handle::from_raw(0x4000_0040);

    #[test]
    fn set() -> Result {
        let rig = Rig::new()?;
        let ask = |in_process, reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(40))?.call(
                HostProcess::GUEST,
                SetContextPriority {
                    context: CONTEXT,
                    priority: -7,
                    in_process,
                },
                LONG,
            )
        };

        assert_eq!(ask(true, &[0; 4])?, 0);
        assert_eq!(ask(false, &[3, 1, 0, 0])?, 0x103);
        assert!(ask(false, &[0x0D, 0, 0, 0xC0]).is_err());
        assert!(ask(false, &[0; 3]).is_err());
        for (index, in_process) in [(0, 1), (1, 0)] {
            let message = rig.host.message(index)?;

            assert_eq!(message.len(), 16 + 40);
            assert_eq!(take_at::<u32>(&message, 16 + 16)?, 33);
            assert_eq!(take_at::<Handle>(&message, 16 + 24)?, CONTEXT);
            assert_eq!(take_at::<i32>(&message, 16 + 28)?, -7);
            assert_eq!(take_at::<u64>(&message, 16 + 32)?, in_process);
        }
        Ok(())
    }

    #[test]
    fn get() -> Result {
        let rig = Rig::new()?;
        let ask = |in_process, reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(27))?.call(
                HostProcess::GUEST,
                GetContextPriority {
                    context: CONTEXT,
                    in_process,
                },
                LONG,
            )
        };

        assert_eq!(ask(true, &[0, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF])?, -2);
        assert_eq!(ask(false, &[3, 1, 0, 0, 7, 0, 0, 0])?, 7);
        assert!(ask(false, &[0x0D, 0, 0, 0xC0, 7, 0, 0, 0]).is_err());
        assert!(ask(false, &[0; 7]).is_err());
        for (index, in_process) in [(0, 1), (1, 0)] {
            let message = rig.host.message(index)?;

            assert_eq!(message.len(), 32);
            assert_eq!(take_at::<u32>(&message, 16)?, 61);
            assert_eq!(take_at::<Handle>(&message, 24)?, CONTEXT);
            assert_eq!(take_at::<u32>(&message, 28)?, in_process);
        }
        Ok(())
    }
}
