// SPDX-License-Identifier: GPL-2.0

//! Commands that offer allocations whose contents are not needed at present, and reclaim them.

use super::{
    residency::{
        Handles,
        Words, //
    },
    status_only,
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
struct OfferHead {
    device: Handle,
    allocation_count: u32,
    priority: u32,
    flags: u32,
    resources: u8,
    padding: [u8; 3],
}

static_assert!(size_of::<OfferHead>() == 44 - 24);

/// Command OFFERALLOCATIONS: lets the host reuse the memory of allocations or resources.
pub(crate) struct OfferAllocations<F> {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Priority of the user, which says how readily the memory is taken.
    pub(crate) priority: u32,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// Whether the handles are those of resources.
    pub(crate) resources: bool,
    /// Handles of the allocations or resources.
    pub(crate) handles: Handles<F>,
}

impl<F: FnMut(&mut [u8]) -> Result> Command for OfferAllocations<F> {
    const OPCODE: Opcode = Opcode::Vgpu(57);

    type Reply = isize;

    fn body_len(&self) -> usize {
        size_of::<OfferHead>() + self.handles.bytes()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = OfferHead {
            device: self.device,
            allocation_count: self.handles.count(),
            priority: self.priority,
            flags: self.flags,
            resources: self.resources.into(),
            padding: [0; 3],
        };

        self.handles.fill(body, &head)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct ReclaimHead {
    device: Handle,
    paging_queue: Handle,
    allocation_count: u32,
    resources: u8,
    write_results: u8,
    padding: [u8; 2],
}

static_assert!(size_of::<ReclaimHead>() == 40 - 24);

/// Bytes after the list. The request has the size of a structure with one handle, rounded up to 8,
/// plus the handles.
const RECLAIM_SLACK: usize = 44 - 24 - size_of::<ReclaimHead>();

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct ReclaimReplyHead {
    paging_fence_value: u64,
    status: NtStatus,
    /// First result, or padding.
    first: u32,
}

/// Size of a reply without results, in bytes.
const RECLAIM_REPLY: usize = 16;

/// Offset of the results.
const RESULTS: usize = core::mem::offset_of!(ReclaimReplyHead, first);

static_assert!(size_of::<ReclaimReplyHead>() == RECLAIM_REPLY);
static_assert!(RESULTS == 12);

/// Command RECLAIMALLOCATIONS: reclaims allocations or resources that were offered.
pub(crate) struct ReclaimAllocations<F> {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Paging queue that executes the operation.
    pub(crate) paging_queue: Handle,
    /// Whether the handles are those of resources.
    pub(crate) resources: bool,
    /// Whether the result for each object is wanted.
    pub(crate) write_results: bool,
    /// Handles of the allocations or resources.
    pub(crate) handles: Handles<F>,
}

/// Reply to [`ReclaimAllocations`].
pub(crate) struct Reclaimed {
    /// Success code of the host, or an error.
    pub(crate) code: Result<isize>,
    /// Value that the fence of the paging queue reaches when the operation is done.
    pub(crate) paging_fence_value: u64,
    /// Result for each object; empty if not wanted or after an error.
    pub(crate) results: Words,
}

impl<F: FnMut(&mut [u8]) -> Result> ReclaimAllocations<F> {
    fn result_bytes(&self) -> usize {
        if self.write_results {
            self.handles.bytes()
        } else {
            0
        }
    }
}

impl<F: FnMut(&mut [u8]) -> Result> Command for ReclaimAllocations<F> {
    const OPCODE: Opcode = Opcode::Vgpu(58);

    type Reply = Reclaimed;

    fn body_len(&self) -> usize {
        size_of::<ReclaimHead>() + self.handles.bytes() + RECLAIM_SLACK
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = ReclaimHead {
            device: self.device,
            paging_queue: self.paging_queue,
            allocation_count: self.handles.count(),
            resources: self.resources.into(),
            write_results: self.write_results.into(),
            padding: [0; 2],
        };

        self.handles.fill(body, &head)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        (RESULTS + self.result_bytes()).max(RECLAIM_REPLY)
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<Reclaimed> {
        let head: ReclaimReplyHead = take(reply.bytes())?;
        let code = head.status.into_result();
        let bytes = code.map_or(0, |_| self.result_bytes());

        Ok(Reclaimed {
            code,
            paging_fence_value: head.paging_fence_value,
            results: Words::new(reply, RESULTS, bytes),
        })
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_offer)]
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

    fn handles(count: u32) -> Result<Handles<impl FnMut(&mut [u8]) -> Result>> {
        Handles::new(count, |bytes: &mut [u8]| {
            bytes.fill(0xA5);
            Ok(())
        })
    }

    #[test]
    fn offer_layout() -> Result {
        for (count, resources) in [(1u32, false), (3, true), (10_240, true)] {
            let mut command = OfferAllocations {
                device: Handle::from_raw(1),
                priority: 2,
                flags: 3,
                resources,
                handles: handles(count)?,
            };
            let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
            let bytes = message.bytes().get(16..).ok_or(EIO)?;
            let kind = u32::from(resources);

            assert_eq!(bytes.len(), 44 + 4 * count as usize);
            for (offset, value) in [(16, 57), (24, 1), (28, count), (32, 2), (36, 3), (40, kind)] {
                assert_eq!(take_at::<u32>(bytes, offset)?, value);
            }
            assert!(bytes[44..].iter().all(|byte| *byte == 0xA5));
        }
        Ok(())
    }

    fn reclaim(
        count: u32,
        write_results: bool,
    ) -> Result<ReclaimAllocations<impl FnMut(&mut [u8]) -> Result>> {
        Ok(ReclaimAllocations {
            device: Handle::from_raw(1),
            paging_queue: Handle::from_raw(2),
            resources: false,
            write_results,
            handles: handles(count)?,
        })
    }

    #[test]
    fn reclaim_layout() -> Result {
        for count in [1u32, 2, 10_240] {
            let mut command = reclaim(count, true)?;
            let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
            let bytes = message.bytes().get(16..).ok_or(EIO)?;
            let end = 40 + 4 * count as usize;

            assert_eq!(bytes.len(), end + 4);
            for (offset, value) in [(16, 58), (24, 1), (28, 2), (32, count), (36, 0x100)] {
                assert_eq!(take_at::<u32>(bytes, offset)?, value);
            }
            assert!(bytes[40..end].iter().all(|byte| *byte == 0xA5));
            assert_eq!(bytes[end..], [0; 4]);
        }
        Ok(())
    }

    #[test]
    fn reclaim_answers() -> Result {
        let rig = Rig::new()?;
        let link = rig.link(envelope(40))?;
        let ask = |count: u32, write_results: bool, reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            link.call(HostProcess::GUEST, reclaim(count, write_results)?, LONG)
        };
        let errno = |answer: Result<Reclaimed>| answer.err().map(|error| error.to_errno());
        let mut reply = [0; 20];

        reply[0] = 9;
        reply[8] = 3;
        reply[9] = 1;
        reply[12] = 1;
        reply[16] = 2;

        let reclaimed = ask(2, true, &reply)?;

        assert_eq!(reclaimed.code, Ok(0x103));
        assert_eq!(reclaimed.paging_fence_value, 9);
        assert_eq!(reclaimed.results.bytes(), [1, 0, 0, 0, 2, 0, 0, 0]);
        // Without a request for results there are none.
        assert!(ask(2, false, &reply[..16])?.results.bytes().is_empty());
        assert_eq!(errno(ask(2, true, &reply[..16])), Some(-75));
        assert_eq!(errno(ask(1, false, &reply[..12])), Some(-75));

        // The fence value is returned even if the host refuses.
        reply[8..12].copy_from_slice(&0xC000_000Du32.to_le_bytes());

        let refused = ask(2, true, &reply)?;

        assert_eq!(refused.code, Err(EINVAL));
        assert_eq!(refused.paging_fence_value, 9);
        assert!(refused.results.bytes().is_empty());
        Ok(())
    }
}
