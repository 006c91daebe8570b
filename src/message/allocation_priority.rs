// SPDX-License-Identifier: GPL-2.0

//! Commands for the priorities of allocations.

use super::{
    residency::{
        Handles,
        Words, //
    },
    status_only,
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
struct PriorityHead {
    device: Handle,
    resource: Handle,
    allocation_count: u32,
    padding: u32,
}

static_assert!(size_of::<PriorityHead>() == 40 - 24);

/// The resource or the allocations that a command is about.
pub(crate) struct Subjects<F> {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Handle of the resource, or none if allocations are given.
    pub(crate) resource: Handle,
    /// Handles of the allocations.
    pub(crate) allocations: Handles<F>,
}

impl<F: FnMut(&mut [u8]) -> Result> Subjects<F> {
    fn head(&self) -> PriorityHead {
        PriorityHead {
            device: self.device,
            resource: self.resource,
            allocation_count: self.allocations.count(),
            padding: 0,
        }
    }

    /// Returns the size of the priorities in bytes. A resource has one.
    fn priority_bytes(&self) -> usize {
        self.allocations.bytes().max(size_of::<u32>())
    }
}

/// Command SETALLOCATIONPRIORITY: sets the priorities of allocations or of a resource.
pub(crate) struct SetAllocationPriority<F, G> {
    /// The resource or the allocations.
    pub(crate) subjects: Subjects<F>,
    /// Writes the priorities.
    pub(crate) priorities: G,
}

impl<F, G> Command for SetAllocationPriority<F, G>
where
    F: FnMut(&mut [u8]) -> Result,
    G: FnMut(&mut [u8]) -> Result,
{
    const OPCODE: Opcode = Opcode::Vgpu(59);

    type Reply = isize;

    fn body_len(&self) -> usize {
        size_of::<PriorityHead>()
            + self.subjects.allocations.bytes()
            + self.subjects.priority_bytes()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = self.subjects.head();
        let end = size_of::<PriorityHead>() + self.subjects.allocations.bytes();

        self.subjects.allocations.fill(body, &head)?;
        (self.priorities)(body.get_mut(end..).ok_or(EINVAL)?)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

/// Command GETALLOCATIONPRIORITY: returns the priorities of allocations or of a resource.
pub(crate) struct GetAllocationPriority<F> {
    /// The resource or the allocations.
    pub(crate) subjects: Subjects<F>,
}

impl<F: FnMut(&mut [u8]) -> Result> GetAllocationPriority<F> {
    fn answer_len(&self) -> usize {
        size_of::<NtStatus>() + self.subjects.priority_bytes()
    }
}

impl<F: FnMut(&mut [u8]) -> Result> Command for GetAllocationPriority<F> {
    const OPCODE: Opcode = Opcode::Vgpu(60);

    type Reply = Words;

    fn body_len(&self) -> usize {
        // The request ends with space for the reply, as that of the reference driver does.
        size_of::<PriorityHead>()
            + self.subjects.allocations.bytes()
            + self.answer_len().next_multiple_of(8)
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = self.subjects.head();

        self.subjects.allocations.fill(body, &head)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        self.answer_len()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<Words> {
        status_only(&reply)?;
        Ok(Words::new(
            reply,
            size_of::<NtStatus>(),
            self.subjects.priority_bytes(),
        ))
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_allocation_priority)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            take_at, //
        },
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
        wire::HostProcess, //
    };

    fn subjects(count: u32) -> Result<Subjects<impl FnMut(&mut [u8]) -> Result>> {
        let allocations = Handles::new(count, |bytes: &mut [u8]| {
            bytes.fill(0xA5);
            Ok(())
        })?;

        Ok(Subjects {
            device: Handle::from_raw(1),
            resource: Handle::from_raw(2),
            allocations,
        })
    }

    fn priorities(bytes: &mut [u8]) -> Result {
        bytes.fill(0x5A);
        Ok(())
    }

    #[test]
    fn set_layout() -> Result {
        for (count, fits) in [
            (0u32, true),
            (1, true),
            (2, true),
            (16_377, true),
            (16_378, false),
        ] {
            let mut command = SetAllocationPriority {
                subjects: subjects(count)?,
                priorities,
            };
            let message = encode(envelope(40), HostProcess::GUEST, &mut command);

            assert_eq!(message.is_ok(), fits);
            let Ok(message) = message else { continue };
            let bytes = message.bytes().get(16..).ok_or(EIO)?;
            let end = 40 + 4 * count as usize;

            assert_eq!(bytes.len(), end + 4 * count.max(1) as usize);
            for (offset, value) in [(16, 59), (24, 1), (28, 2), (32, count), (36, 0)] {
                assert_eq!(take_at::<u32>(bytes, offset)?, value);
            }
            assert!(bytes[40..end].iter().all(|byte| *byte == 0xA5));
            assert!(bytes[end..].iter().all(|byte| *byte == 0x5A));
        }
        Ok(())
    }

    #[test]
    fn get_layout() -> Result {
        for (count, slack) in [(0u32, 8), (1, 8), (2, 16), (3, 16), (16_375, 65_504)] {
            let mut command = GetAllocationPriority {
                subjects: subjects(count)?,
            };
            let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
            let bytes = message.bytes().get(16..).ok_or(EIO)?;
            let end = 40 + 4 * count as usize;

            assert_eq!(bytes.len(), end + slack);
            for (offset, value) in [(16, 60), (24, 1), (28, 2), (32, count), (36, 0)] {
                assert_eq!(take_at::<u32>(bytes, offset)?, value);
            }
            assert!(bytes[40..end].iter().all(|byte| *byte == 0xA5));
            assert!(bytes[end..].iter().all(|byte| *byte == 0));
        }
        Ok(())
    }

    #[test]
    fn get_answers() -> Result {
        let rig = Rig::new()?;
        let link = rig.link(envelope(40))?;
        let ask = |count: u32, reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            link.call(
                HostProcess::GUEST,
                GetAllocationPriority {
                    subjects: subjects(count)?,
                },
                LONG,
            )
        };
        let errno = |answer: Result<Words>| answer.err().map(|error| error.to_errno());

        assert_eq!(
            ask(2, &[0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])?.bytes(),
            [1, 0, 0, 0, 2, 0, 0, 0]
        );
        assert_eq!(ask(0, &[0, 0, 0, 0, 3, 0, 0, 0])?.bytes(), [3, 0, 0, 0]);
        assert_eq!(errno(ask(2, &[0, 0, 0, 0, 1, 0, 0, 0])), Some(-75));
        assert_eq!(errno(ask(1, &[8, 0, 0, 0xC0, 0, 0, 0, 0])), Some(-9));
        Ok(())
    }
}
