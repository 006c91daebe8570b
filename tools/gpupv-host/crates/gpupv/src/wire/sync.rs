// SPDX-License-Identifier: GPL-2.0
//! Sync objects: making them, signalling them, waiting for them.

use zerocopy::byteorder::little_endian::{U32, U64};

use super::message::messages;
use super::{read_padded, CommandHeader};

messages! {
    /// CREATESYNCOBJECT; see [`SyncInfo`].
    "dxgkvmb_command_createsyncobject" CreateSyncObject {
        hdr: CommandHeader,
        device: U32,
        reserved: U32,
        info: [u8; 80],
        sync_object: U32,
        reserved1: U32,
        client_hint: U32,
        padding: U32,
    }

    /// The answer to [`CreateSyncObject`].
    "dxgkvmb_command_createsyncobject_return" CreateSyncObjectReturn {
        sync_object: U32,
        global_sync_object: U32,
        fence_gpu_va: U64,
        fence_storage_address: U64,
        fence_storage_offset: U32,
        padding: U32,
    }

    /// SIGNALSYNCOBJECT. Handles of objects follow, handles of contexts, then values. The event is a
    /// device if there are no contexts.
    "dxgkvmb_command_signalsyncobject" SignalSyncObject {
        hdr: CommandHeader,
        object_count: U32,
        flags: U32,
        context_count: U32,
        padding: U32,
        fence_value: U64,
        cpu_event_handle: U64,
    }

    /// WAITFORSYNCOBJECTFROMCPU. Handles of objects follow, then values.
    "dxgkvmb_command_waitforsyncobjectfromcpu" WaitForSyncObjectFromCpu {
        hdr: CommandHeader,
        device: U32,
        object_count: U32,
        flags: U32,
        padding: U32,
        guest_event_pointer: U64,
        dereference_event: u8,
        padding1: [u8; 7],
    }

    /// WAITFORSYNCOBJECTFROMGPU. The other values follow, then handles of objects.
    "dxgkvmb_command_waitforsyncobjectfromgpu" WaitForSyncObjectFromGpu {
        hdr: CommandHeader,
        context: U32,
        object_count: U32,
        legacy_fence_object: u8,
        padding: [u8; 7],
        fence_values: U64,
    }

    /// SIGNALGUESTEVENT: an event of the guest, unasked.
    "dxgkvmb_command_signalguestevent" SignalGuestEvent {
        hdr: CommandHeader,
        event: U64,
        process_id: U64,
        dereference_event: u8,
        padding: [u8; 7],
    }
}

/// What a new sync object shall be: its type, its flags, and 64 bytes whose meaning depends on the
/// type.
#[derive(Clone, Copy, Debug)]
pub struct SyncInfo<'a>(&'a [u8; 80]);

impl CreateSyncObject {
    /// What the sync object shall be.
    pub fn info(&self) -> SyncInfo<'_> {
        SyncInfo(&self.info)
    }
}

impl SyncInfo<'_> {
    /// Which type of sync object.
    pub fn kind(&self) -> u32 {
        read_padded::<U32>(&self.0[..4]).get()
    }

    /// Its flags.
    pub fn flags(&self) -> u32 {
        read_padded::<U32>(&self.0[4..8]).get()
    }

    /// A word of what depends on the type, by its byte offset.
    pub fn word(&self, at: usize) -> u32 {
        read_padded::<U32>(&self.0[8 + at..]).get()
    }

    /// Two words of what depends on the type, by their byte offset.
    pub fn long(&self, at: usize) -> u64 {
        read_padded::<U64>(&self.0[8 + at..]).get()
    }
}

impl SignalSyncObject {
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0x7;
    /// The bit of `flags` for a signal that does not wait for the queues.
    pub const AT_SUBMISSION: u32 = 1 << 0;
    /// The bit of `flags` for an event instead of sync objects.
    pub const ENQUEUE_CPU_EVENT: u32 = 1 << 1;
    /// The bit of `flags` that lets values go back.
    pub const ALLOW_FENCE_REWIND: u32 = 1 << 2;
}

impl WaitForSyncObjectFromCpu {
    /// The only bit of `flags`: one object is enough.
    pub const ANY: u32 = 1 << 0;
}

impl WaitForSyncObjectFromGpu {
    /// Where the values start.
    pub const VALUES_OFFSET: usize = 40;
    /// How many objects there can be.
    pub const COUNT_MAX: u32 = 32;
}

impl SignalGuestEvent {
    /// Its number among the messages from the host to the virtual machine.
    pub const NUMBER: u32 = 0;
}
