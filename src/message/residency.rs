// SPDX-License-Identifier: GPL-2.0

//! Commands for the residency of allocations.

use super::{
    list::{
        fill_with_list,
        list_bytes, //
    },
    status_only,
    take,
    Command,
    FixedCommand,
    Opcode, //
};
use crate::{
    transport::ReplyBuffer,
    uapi::residency as abi,
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

/// The handles of allocations or resources, which are written when a message is filled.
pub(crate) struct Handles<F> {
    count: u32,
    bytes: usize,
    write: F,
}

impl<F: FnMut(&mut [u8]) -> Result> Handles<F> {
    /// Describes `count` handles, which `write` writes in place.
    ///
    /// # Errors
    ///
    /// `EINVAL` if their size overflows.
    pub(crate) fn new(count: u32, write: F) -> Result<Self> {
        Ok(Self {
            count,
            bytes: list_bytes::<Handle>(count)?,
            write,
        })
    }

    /// Returns the number of handles.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Returns the size of the handles in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Fills a body with `head` and the handles.
    pub(super) fn fill<H: IntoBytes + zerocopy::Immutable>(
        &mut self,
        body: &mut [u8],
        head: &H,
    ) -> Result {
        fill_with_list(body, head, self.bytes, &mut self.write)
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct MakeResidentHead {
    device: Handle,
    paging_queue: Handle,
    flags: u32,
    alloc_count: u32,
}

static_assert!(size_of::<MakeResidentHead>() == 40 - 24);

/// Bytes after the list. The request has the size of a structure with one handle, rounded up to 8,
/// plus the handles.
const MAKE_RESIDENT_SLACK: usize = 44 - 24 - size_of::<MakeResidentHead>();

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct MakeResidentReply {
    paging_fence_value: u64,
    num_bytes_to_trim: u64,
    status: NtStatus,
    padding: u32,
}

static_assert!(size_of::<MakeResidentReply>() == 24);

/// Command MAKERESIDENT: makes allocations resident.
pub(crate) struct MakeResident<F> {
    /// Paging queue that executes the operation.
    pub(crate) paging_queue: Handle,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// Handles of the allocations.
    pub(crate) allocations: Handles<F>,
}

/// Reply to [`MakeResident`].
pub(crate) struct Residency {
    /// Success code of the host, or an error.
    pub(crate) code: Result<isize>,
    /// Value that the fence of the paging queue reaches when the allocations are resident.
    pub(crate) paging_fence_value: u64,
    /// Bytes the process is over its budget.
    pub(crate) num_bytes_to_trim: u64,
}

impl<F: FnMut(&mut [u8]) -> Result> Command for MakeResident<F> {
    const OPCODE: Opcode = Opcode::Vgpu(11);

    type Reply = Residency;

    fn body_len(&self) -> usize {
        size_of::<MakeResidentHead>() + self.allocations.bytes + MAKE_RESIDENT_SLACK
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = MakeResidentHead {
            device: Handle::NONE,
            paging_queue: self.paging_queue,
            flags: self.flags,
            alloc_count: self.allocations.count,
        };

        self.allocations.fill(body, &head)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<MakeResidentReply>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<Residency> {
        let reply: MakeResidentReply = take(reply.bytes())?;

        Ok(Residency {
            code: reply.status.into_result(),
            paging_fence_value: reply.paging_fence_value,
            num_bytes_to_trim: reply.num_bytes_to_trim,
        })
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct EvictHead {
    device: Handle,
    flags: u32,
    alloc_count: u32,
}

static_assert!(size_of::<EvictHead>() == 36 - 24);

/// Command EVICT: evicts allocations.
pub(crate) struct Evict<F> {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// Handles of the allocations.
    pub(crate) allocations: Handles<F>,
}

impl<F: FnMut(&mut [u8]) -> Result> Command for Evict<F> {
    const OPCODE: Opcode = Opcode::Vgpu(12);

    /// Bytes the process is over its budget.
    type Reply = u64;

    fn body_len(&self) -> usize {
        size_of::<EvictHead>() + self.allocations.bytes
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = EvictHead {
            device: self.device,
            flags: self.flags,
            alloc_count: self.allocations.count,
        };

        self.allocations.fill(body, &head)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<u64>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<u64> {
        take(reply.bytes())
    }
}

static_assert!(size_of::<abi::QueryAllocationResidency>() == 56 - 24);

/// Command QUERYALLOCATIONRESIDENCY: returns the residency of allocations or of a resource.
pub(crate) struct QueryAllocationResidency<'a, F> {
    /// The user's argument, with its user addresses: the message begins with it.
    pub(crate) request: &'a abi::QueryAllocationResidency,
    /// Allocations; their number is that of the argument.
    pub(crate) allocations: Handles<F>,
}

/// A reply that contains a word for each object.
pub(crate) struct Words {
    reply: ReplyBuffer,
    start: usize,
    bytes: usize,
}

impl Words {
    /// Makes a reply whose words are the `bytes` bytes at `start` of `reply`.
    pub(super) fn new(reply: ReplyBuffer, start: usize, bytes: usize) -> Self {
        Self {
            reply,
            start,
            bytes,
        }
    }

    /// Returns the words as bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.reply
            .bytes()
            .get(self.start..)
            .and_then(|rest| rest.get(..self.bytes))
            .unwrap_or_default()
    }
}

impl<F> QueryAllocationResidency<'_, F> {
    /// Returns the size of the words in bytes. A resource has one word.
    fn words(&self) -> usize {
        self.allocations.bytes.max(size_of::<u32>())
    }
}

impl<F: FnMut(&mut [u8]) -> Result> Command for QueryAllocationResidency<'_, F> {
    const OPCODE: Opcode = Opcode::Vgpu(41);

    type Reply = Words;

    fn body_len(&self) -> usize {
        size_of::<abi::QueryAllocationResidency>() + self.allocations.bytes
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        self.allocations.fill(body, self.request)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>() + self.words()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<Words> {
        status_only(&reply)?;
        Ok(Words::new(reply, size_of::<NtStatus>(), self.words()))
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct UpdatePropertyAnswer {
    paging_fence_value: u64,
    status: NtStatus,
    padding: u32,
}

static_assert!(size_of::<abi::UpdateAllocationProperty>() == 64 - 24);
static_assert!(size_of::<UpdatePropertyAnswer>() == 16);

/// Command UPDATEALLOCATIONPROPERTY: changes the memory segments an allocation may be in.
pub(crate) struct UpdateAllocationProperty {
    /// The user's argument.
    pub(crate) request: abi::UpdateAllocationProperty,
}

impl FixedCommand for UpdateAllocationProperty {
    const OPCODE: Opcode = Opcode::Vgpu(56);

    type Body = abi::UpdateAllocationProperty;
    type ReplyBody = UpdatePropertyAnswer;
    /// Success code of the host, and value that the fence of the paging queue reaches when the
    /// operation is done.
    type Reply = (isize, u64);

    fn body(&self) -> abi::UpdateAllocationProperty {
        self.request
    }

    fn reply(&self, answer: UpdatePropertyAnswer) -> Result<(isize, u64)> {
        Ok((answer.status.into_result()?, answer.paging_fence_value))
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_residency)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            take_at, //
        },
        transport::{
            mock::{
                envelope,
                Answer,
                Rig,
                LONG, //
            },
            Message, //
        },
        wire::HostProcess, //
    };
    use zerocopy::FromZeros;

    const OBJECT: Handle = Handle::from_raw(0x4000_0040);

    fn handles(count: u32) -> Result<Handles<impl FnMut(&mut [u8]) -> Result>> {
        Handles::new(count, |bytes: &mut [u8]| {
            bytes.fill(0xA5);
            Ok(())
        })
    }

    /// Checks the words of a message, the list of `count` handles at `offset`, and the bytes after
    /// the list up to `length`.
    fn check(
        message: &Message,
        words: &[(usize, u32)],
        offset: usize,
        count: usize,
        length: usize,
    ) -> Result {
        let bytes = message.bytes().get(16..).ok_or(EIO)?;
        let end = offset + 4 * count;

        assert_eq!(bytes.len(), length);
        for (offset, value) in words {
            assert_eq!(take_at::<u32>(bytes, *offset)?, *value);
        }
        assert!(bytes[offset..end].iter().all(|byte| *byte == 0xA5));
        assert!(bytes[end..].iter().all(|byte| *byte == 0));
        Ok(())
    }

    #[test]
    fn make_resident_layout() -> Result {
        for count in [1, 2, abi::MAX] {
            let mut command = MakeResident {
                paging_queue: OBJECT,
                flags: 3,
                allocations: handles(count)?,
            };
            let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
            let words = [(16, 11), (24, 0), (28, OBJECT.raw()), (32, 3), (36, count)];
            let count = count as usize;

            check(&message, &words, 40, count, 44 + 4 * count)?;
        }
        Ok(())
    }

    #[test]
    fn evict_layout() -> Result {
        for count in [1, 2, abi::MAX] {
            let mut command = Evict {
                device: OBJECT,
                flags: 3,
                allocations: handles(count)?,
            };
            let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
            let words = [(16, 12), (24, OBJECT.raw()), (28, 3), (32, count)];
            let count = count as usize;

            check(&message, &words, 36, count, 36 + 4 * count)?;
        }
        Ok(())
    }

    #[test]
    fn query_layout() -> Result {
        for (count, fits) in [(0, true), (1, true), (32_750, true), (32_751, false)] {
            let mut request = abi::QueryAllocationResidency::new_zeroed();

            request.as_mut_bytes().fill(0x5A);
            request.device = OBJECT;
            request.resource = Handle::from_raw(7);
            request.allocation_count = count;

            let mut command = QueryAllocationResidency {
                request: &request,
                allocations: handles(count)?,
            };
            let message = encode(envelope(40), HostProcess::GUEST, &mut command);

            assert_eq!(message.is_ok(), fits);
            let Ok(message) = message else { continue };
            // Addresses and reserved words are sent unchanged.
            let words = [
                (24, OBJECT.raw()),
                (28, 7),
                (32, 0x5A5A_5A5A),
                (36, 0x5A5A_5A5A),
                (40, count),
                (44, 0x5A5A_5A5A),
                (48, 0x5A5A_5A5A),
                (52, 0x5A5A_5A5A),
            ];
            let count = count as usize;

            check(&message, &words, 56, count, 56 + 4 * count)?;
        }
        Ok(())
    }

    #[test]
    fn query_answers() -> Result {
        let rig = Rig::new()?;
        let link = rig.link(envelope(40))?;
        let ask = |count: u32, reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            link.call(
                HostProcess::GUEST,
                QueryAllocationResidency {
                    request: &abi::QueryAllocationResidency::new_zeroed(),
                    allocations: handles(count)?,
                },
                LONG,
            )
        };
        let errno = |answer: Result<Words>| answer.err().map(|error| error.to_errno());

        assert_eq!(
            ask(2, &[0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9, 9, 9, 9])?.bytes(),
            [1, 0, 0, 0, 2, 0, 0, 0]
        );
        // A resource has one state.
        assert_eq!(ask(0, &[0, 0, 0, 0, 3, 0, 0, 0])?.bytes(), [3, 0, 0, 0]);
        assert_eq!(errno(ask(2, &[0, 0, 0, 0, 1, 0, 0, 0])), Some(-75));
        assert_eq!(errno(ask(0, &[8, 0, 0, 0xC0, 0, 0, 0, 0])), Some(-9));
        Ok(())
    }

    #[test]
    fn make_resident_answers() -> Result {
        let rig = Rig::new()?;
        let mut reply = [0; 24];

        reply[0] = 1;
        reply[8] = 2;
        reply[16..20].copy_from_slice(&0xC000_0017u32.to_le_bytes());
        rig.host.then(Answer::reply(&reply)?)?;

        let residency = rig.link(envelope(40))?.call(
            HostProcess::GUEST,
            MakeResident {
                paging_queue: OBJECT,
                flags: 0,
                allocations: handles(1)?,
            },
            LONG,
        )?;

        // The number of bytes over the budget is returned with the error.
        assert_eq!(residency.code, Err(ENOMEM));
        assert_eq!(residency.paging_fence_value, 1);
        assert_eq!(residency.num_bytes_to_trim, 2);
        Ok(())
    }

    #[test]
    fn update_property() -> Result {
        let mut request = abi::UpdateAllocationProperty::new_zeroed();

        request.paging_queue = OBJECT;
        request.supported_segment_set = 2;
        request.property_mask_value = 7;

        let mut command = UpdateAllocationProperty { request };
        let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;

        assert_eq!(message.bytes().len(), 16 + 64);
        for (offset, value) in [(16, 56), (24, OBJECT.raw()), (32, 2), (56, 7)] {
            assert_eq!(take_at::<u32>(message.bytes(), 16 + offset)?, value);
        }

        let answer = UpdatePropertyAnswer {
            paging_fence_value: 5,
            status: NtStatus::from_raw(0x103),
            padding: 0,
        };

        assert_eq!(command.reply(answer), Ok((0x103, 5)));
        Ok(())
    }
}
