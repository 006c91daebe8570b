// SPDX-License-Identifier: GPL-2.0

//! The command that creates allocations.

use super::DestroyAllocation;
use crate::{
    message::{
        encode,
        put,
        room,
        take,
        take_at,
        Command,
        Opcode, //
    },
    transport::{
        CreateInfo,
        Message,
        ReplyBuffer,
        UndoHow, //
    },
    uapi::allocation::AllocationInfo,
    wire::{
        Envelope,
        Handle,
        HostProcess,
        InterfaceVersion, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Upper limit of each part of the data in bytes, exclusive.
const DATA_LIMIT: usize = 128 * 1024;

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct CreateHead {
    device: Handle,
    resource: Handle,
    private_runtime_data_size: u32,
    priv_drv_data_size: u32,
    alloc_count: u32,
    flags: u32,
    private_runtime_resource_handle: u64,
    make_resident: u8,
    padding: [u8; 7],
}

static_assert!(size_of::<CreateHead>() == 64 - 24);

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct Descriptor {
    flags: u32,
    priv_drv_data_size: u32,
    vidpn_source_id: u32,
}

static_assert!(size_of::<Descriptor>() == 12);

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct CreateReplyHead {
    flags: u32,
    resource: Handle,
    global_share: Handle,
    vgpu_flags: u32,
}

static_assert!(size_of::<CreateReplyHead>() == 16);

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct CreateReplyElement {
    allocation: Handle,
    priv_drv_data_size: u32,
    flags: u32,
    padding: u32,
    size: u64,
    driver_info: [u64; 6],
}

static_assert!(size_of::<CreateReplyElement>() == 72);

impl CreateReplyElement {
    /// Flag: the allocation is mapped cached.
    const CACHED: u32 = 1 << 19;
}

/// Sizes of the data that comes with new allocations, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct DataSizes {
    count: usize,
    runtime: usize,
    resource: usize,
    allocations: usize,
}

impl DataSizes {
    /// Adds up the sizes of the data of `infos`.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if the data does not fit a message to a host of `version`.
    pub(crate) fn new(
        version: InterfaceVersion,
        infos: &[AllocationInfo],
        runtime: u32,
        resource: u32,
    ) -> Result<Self> {
        // CAST: `usize` has 64 bits, so the sum does not overflow.
        let sizes = Self {
            count: infos.len(),
            runtime: runtime as usize,
            resource: resource as usize,
            allocations: infos
                .iter()
                .map(|info| info.priv_drv_data_size as usize)
                .sum(),
        };
        let largest = sizes.runtime.max(sizes.resource).max(sizes.allocations);

        if largest >= DATA_LIMIT || sizes.body_len() > room(version) {
            return Err(EOVERFLOW);
        }
        Ok(sizes)
    }

    fn data_len(&self) -> usize {
        self.runtime + self.resource + self.allocations
    }

    fn body_len(&self) -> usize {
        size_of::<CreateHead>() + self.count * size_of::<Descriptor>() + self.data_len()
    }

    /// Returns the offset in a reply of the data about the allocations.
    fn reply_data(&self) -> usize {
        size_of::<CreateReplyHead>() + self.count * size_of::<CreateReplyElement>()
    }
}

/// The parts of a message that contain data.
pub(crate) struct DataParts<'a> {
    /// Data of the runtime library.
    pub(crate) runtime: &'a mut [u8],
    /// Data of the vendor about the resource.
    pub(crate) resource: &'a mut [u8],
    /// Data of the vendor about the allocations, in their order.
    pub(crate) allocations: &'a mut [u8],
}

/// Command CREATEALLOCATION: creates allocations, and a resource if one is wanted.
pub(crate) struct CreateAllocation<'a, F> {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Handle of the resource the allocations are added to, or none.
    pub(crate) resource: Handle,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// Number by which the runtime library identifies the resource.
    pub(crate) runtime_handle: u64,
    /// Descriptions of the allocations.
    pub(crate) infos: &'a [AllocationInfo],
    /// Sizes of the data.
    pub(crate) sizes: DataSizes,
    /// Writes the data.
    pub(crate) data: F,
}

impl<F> CreateAllocation<'_, F> {
    /// Flag: creates a resource.
    const CREATE_RESOURCE: u32 = 1 << 0;
}

impl<F: FnMut(DataParts<'_>) -> Result> Command for CreateAllocation<'_, F> {
    const OPCODE: Opcode = Opcode::Vgpu(4);

    type Reply = Created;

    fn undo(&self) -> Option<UndoHow> {
        let wants_resource = self.flags & Self::CREATE_RESOURCE != 0;
        let info = CreateInfo {
            device: self.device,
            allocations: if wants_resource { 0 } else { self.infos.len() },
        };

        Some(UndoHow::WithCreateInfo(undo_create, info))
    }

    fn body_len(&self) -> usize {
        self.sizes.body_len()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let sizes = self.sizes;
        // CAST: All sizes were 32 bits wide in the user's argument.
        let head = CreateHead {
            device: self.device,
            resource: self.resource,
            private_runtime_data_size: sizes.runtime as u32,
            priv_drv_data_size: sizes.resource as u32,
            alloc_count: sizes.count as u32,
            flags: self.flags,
            private_runtime_resource_handle: self.runtime_handle,
            make_resident: 0,
            padding: [0; 7],
        };
        let (start, rest) = body
            .split_at_mut_checked(size_of::<CreateHead>())
            .ok_or(EINVAL)?;
        let (descriptors, rest) = rest
            .split_at_mut_checked(sizes.count * size_of::<Descriptor>())
            .ok_or(EINVAL)?;
        let (runtime, rest) = rest.split_at_mut_checked(sizes.runtime).ok_or(EINVAL)?;
        let (resource, allocations) = rest.split_at_mut_checked(sizes.resource).ok_or(EINVAL)?;

        put(start, &head)?;
        for (place, info) in descriptors
            .chunks_exact_mut(size_of::<Descriptor>())
            .zip(self.infos)
        {
            let descriptor = Descriptor {
                flags: info.flags,
                priv_drv_data_size: info.priv_drv_data_size,
                vidpn_source_id: info.vidpn_source_id,
            };

            put(place, &descriptor)?;
        }
        (self.data)(DataParts {
            runtime,
            resource,
            allocations,
        })
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        self.sizes.reply_data() + self.sizes.allocations
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<Created> {
        let head: CreateReplyHead = take(reply.bytes())?;

        Ok(Created {
            reply,
            resource: head.resource,
            sizes: self.sizes,
        })
    }
}

/// Reply to [`CreateAllocation`].
pub(crate) struct Created {
    reply: ReplyBuffer,
    resource: Handle,
    sizes: DataSizes,
}

/// An allocation that the host has created.
pub(crate) struct CreatedAllocation<'a> {
    /// Handle of the allocation.
    pub(crate) handle: Handle,
    /// Size of the allocation in bytes.
    pub(crate) size: u64,
    /// Whether the allocation is mapped cached.
    pub(crate) cached: bool,
    /// Data of the vendor, no more than was sent.
    pub(crate) data: &'a [u8],
}

impl Created {
    /// Returns the new resource, if one was wanted.
    pub(crate) fn resource(&self) -> Handle {
        self.resource
    }

    fn element(&self, index: usize) -> Result<CreateReplyElement> {
        let offset = size_of::<CreateReplyHead>() + index * size_of::<CreateReplyElement>();

        take_at(self.reply.bytes(), offset)
    }

    /// Returns the handles of the allocations, in their order.
    pub(crate) fn handles(&self) -> impl Iterator<Item = Result<Handle>> + '_ {
        (0..self.sizes.count).map(|index| Ok(self.element(index)?.allocation))
    }

    /// Returns the allocations, in the order of the `infos` they were created from.
    ///
    /// An item is `EINVAL` if the host returns more data than it was sent.
    pub(crate) fn allocations<'a>(
        &'a self,
        infos: &'a [AllocationInfo],
    ) -> impl Iterator<Item = Result<CreatedAllocation<'a>>> + 'a {
        let mut rest = self
            .reply
            .bytes()
            .get(self.sizes.reply_data()..)
            .unwrap_or_default();

        infos.iter().enumerate().map(move |(index, info)| {
            let element = self.element(index)?;

            if element.priv_drv_data_size > info.priv_drv_data_size {
                return Err(EINVAL);
            }

            // CAST: `usize` has at least 32 bits.
            let size = element.priv_drv_data_size as usize;
            let (data, others) = rest.split_at_checked(size).ok_or(EINVAL)?;

            rest = others;
            Ok(CreatedAllocation {
                handle: element.allocation,
                size: element.size,
                cached: element.flags & CreateReplyElement::CACHED != 0,
                data,
            })
        })
    }
}

/// Makes the message that destroys a new resource with its allocations, or new allocations.
fn undo_create(
    reply: &[u8],
    info: CreateInfo,
    envelope: Envelope,
    process: HostProcess,
) -> Result<Option<Message>> {
    let head: CreateReplyHead = take(reply)?;
    let mut handles = KVVec::with_capacity(info.allocations, GFP_KERNEL)?;

    for index in 0..info.allocations {
        let offset = size_of::<CreateReplyHead>() + index * size_of::<CreateReplyElement>();
        let handle: Handle = take_at(reply, offset)?;

        // A host that has failed to create the allocations replies with zero handles.
        if handle.is_none() {
            return Ok(None);
        }
        handles.push(handle, GFP_KERNEL)?;
    }

    let resource = if handles.is_empty() {
        head.resource
    } else {
        Handle::NONE
    };

    if handles.is_empty() && resource.is_none() {
        return Ok(None);
    }

    let mut command = DestroyAllocation {
        device: info.device,
        resource,
        allocations: &handles,
        flags: DestroyAllocation::ASSUME_NOT_IN_USE,
    };

    Ok(Some(encode(envelope, process, &mut command)?))
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_create_allocation)]
mod tests {
    use super::*;
    use crate::{
        message::Link,
        transport::mock::{
            envelope,
            Answer,
            Mock,
            Rig,
            LONG, //
        },
    };
    use zerocopy::FromZeros;

    const DEVICE: Handle = Handle::from_raw(0x4000_0040);

    fn infos(sizes: &[u32]) -> Result<KVVec<AllocationInfo>> {
        let mut infos = KVVec::new();

        for (index, size) in sizes.iter().enumerate() {
            let mut info = AllocationInfo::new_zeroed();

            info.flags = 1;
            info.priv_drv_data_size = *size;
            info.vidpn_source_id = index as u32;
            infos.push(info, GFP_KERNEL)?;
        }
        Ok(infos)
    }

    type Fill = fn(DataParts<'_>) -> Result;

    fn fill(parts: DataParts<'_>) -> Result {
        parts.runtime.fill(1);
        parts.resource.fill(2);
        parts.allocations.fill(3);
        Ok(())
    }

    fn create(
        infos: &[AllocationInfo],
        version: u32,
        flags: u32,
    ) -> Result<CreateAllocation<'_, Fill>> {
        Ok(CreateAllocation {
            device: DEVICE,
            resource: Handle::NONE,
            flags,
            runtime_handle: 9,
            infos,
            sizes: DataSizes::new(envelope(version).version, infos, 5, 3)?,
            data: fill,
        })
    }

    #[test]
    fn create_layout() -> Result {
        let infos = infos(&[4, 0, 7])?;
        let mut command = create(&infos, 40, 0)?;
        let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 16 + 64 + 3 * 12 + 5 + 3 + 11);
        assert_eq!(take_at::<u32>(bytes, 16 + 16)?, 4);
        assert_eq!(take_at::<Handle>(bytes, 16 + 24)?, DEVICE);
        for (offset, value) in [
            (28, 0u32),
            (32, 5),
            (36, 3),
            (40, 3),
            (44, 0),
            (48, 9),
            (56, 0),
        ] {
            assert_eq!(take_at::<u32>(bytes, 16 + offset)?, value);
        }
        for (index, size) in [4u32, 0, 7].into_iter().enumerate() {
            let start = 16 + 64 + 12 * index;

            assert_eq!(take_at::<u32>(bytes, start)?, 1);
            assert_eq!(take_at::<u32>(bytes, start + 4)?, size);
            assert_eq!(take_at::<u32>(bytes, start + 8)?, index as u32);
        }
        assert_eq!(bytes[16 + 64 + 36..][..8], [1, 1, 1, 1, 1, 2, 2, 2]);
        assert_eq!(bytes[16 + 64 + 36 + 8..], [3; 11]);
        Ok(())
    }

    #[test]
    fn create_limits() -> Result {
        const MAX: u32 = 131_072;

        for (version, size, fits) in [
            (40, 130_992 - 12 - 8, true),
            (40, 130_992 - 12 - 7, false),
            (27, 131_008 - 12 - 8, true),
            (27, 131_008 - 12 - 7, false),
            (40, u32::MAX, false),
        ] {
            let infos = infos(&[size])?;

            assert_eq!(create(&infos, version, 0).is_ok(), fits);
        }

        let none = infos(&[0])?;
        let version = envelope(40).version;

        for (runtime, resource) in [(MAX, 0), (0, MAX), (u32::MAX, u32::MAX)] {
            assert!(DataSizes::new(version, &none, runtime, resource).is_err());
        }

        let many = infos(&[u32::MAX; 1024])?;

        assert!(DataSizes::new(version, &many, 0, 0).is_err());
        Ok(())
    }

    /// Makes a reply with the given `elements`: handle, size of the data.
    fn reply(resource: u32, elements: &[(u32, u32)], data: &[u8]) -> Result<KVVec<u8>> {
        let mut bytes = KVVec::new();
        let mut word = |value: u32| bytes.extend_from_slice(&value.to_le_bytes(), GFP_KERNEL);

        for value in [0, resource, 0, 0] {
            word(value)?;
        }
        for (handle, size) in elements {
            for value in [*handle, *size, 1 << 19, 0, 0x2000, 1] {
                word(value)?;
            }
            for _ in 0..12 {
                word(0)?;
            }
        }
        bytes.extend_from_slice(data, GFP_KERNEL)?;
        Ok(bytes)
    }

    fn ask(
        rig: &Rig,
        link: &Link<Mock>,
        infos: &[AllocationInfo],
        answer: &[u8],
    ) -> Result<Created> {
        rig.host.then(Answer::reply(answer)?)?;
        link.call(HostProcess::GUEST, create(infos, 40, 1)?, LONG)
    }

    #[test]
    fn create_replies() -> Result {
        let rig = Rig::new()?;
        let link = rig.link(envelope(40))?;
        let infos = infos(&[4, 0, 2])?;
        let full = reply(0x4000_0080, &[(1, 3), (2, 0), (3, 2)], &[1, 2, 3, 4, 5, 6])?;
        let created = ask(&rig, &link, &infos, &full)?;
        let mut seen = 0;

        assert_eq!(created.resource().raw(), 0x4000_0080);
        for made in created.allocations(&infos) {
            let made = made?;
            // The data of an allocation follows that of the one before, by the sizes that were
            // returned.
            let data: &[u8] = match made.handle.raw() {
                1 => &[1, 2, 3],
                2 => &[],
                _ => &[4, 5],
            };

            assert_eq!(made.data, data);
            assert_eq!(made.size, 0x1_0000_2000);
            assert!(made.cached);
            seen += 1;
        }
        assert_eq!(seen, 3);
        assert_eq!(created.handles().filter(Result::is_ok).count(), 3);

        // More data than was sent, for one of the allocations.
        let wrong = reply(0, &[(1, 3), (2, 1), (3, 2)], &[0; 6])?;
        let created = ask(&rig, &link, &infos, &wrong)?;

        assert!(created
            .allocations(&infos)
            .nth(1)
            .is_some_and(|made| made.is_err()));

        let short = full.get(..full.len() - 1).ok_or(EIO)?;

        assert!(ask(&rig, &link, &infos, short).is_err());
        Ok(())
    }

    #[test]
    fn late_creation_is_undone() -> Result {
        let undo = |flags: u32, reply: &[u8]| -> Result<Option<Message>> {
            let infos = infos(&[0, 0])?;
            let Some(UndoHow::WithCreateInfo(make, info)) = create(&infos, 40, flags)?.undo()
            else {
                return Err(EIO);
            };

            make(reply, info, envelope(27), HostProcess::GUEST)
        };
        let elements = [(0x4000_00C0, 0), (0x4000_0100, 0)];

        // A resource is destroyed with its allocations.
        let message = undo(1, &reply(0x4000_0080, &elements, &[])?)?.ok_or(EIO)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 48);
        assert_eq!(take_at::<u32>(bytes, 16)?, 5);
        assert_eq!(take_at::<Handle>(bytes, 24)?, DEVICE);
        assert_eq!(take_at::<u32>(bytes, 28)?, 0x4000_0080);
        assert_eq!(take_at::<u32>(bytes, 32)?, 0);
        assert_eq!(take_at::<u32>(bytes, 36)?, 1);

        // Without a new resource the allocations are destroyed.
        let message = undo(0, &reply(7, &elements, &[])?)?.ok_or(EIO)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 48 + 8);
        assert_eq!(take_at::<u32>(bytes, 28)?, 0);
        assert_eq!(take_at::<u32>(bytes, 32)?, 2);
        assert_eq!(take_at::<u32>(bytes, 40)?, 0x4000_00C0);
        assert_eq!(take_at::<u32>(bytes, 44)?, 0x4000_0100);

        assert!(undo(1, &reply(0, &elements, &[])?)?.is_none());
        assert!(undo(0, &reply(0, &[(0, 0), (0, 0)], &[])?)?.is_none());
        assert!(undo(0, &reply(0, &[(1, 0)], &[])?).is_err());
        Ok(())
    }
}
