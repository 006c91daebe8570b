// SPDX-License-Identifier: GPL-2.0
//! Who an adapter is: the three LUIDs and the channel instance.

use uuid::{uuid, Uuid};

use crate::wire::Luid;

/// Class of the channel that belongs to the virtual machine.
pub const GLOBAL_CLASS: Uuid = uuid!("dde9cbc0-5060-4436-9448-ea1254a5d177");
/// Class of the channels of vGPUs.
pub const VGPU_CLASS: Uuid = uuid!("6e382d18-3336-4f4b-acc4-2b7703d4df4a");
/// Instance of the global channel; guests do not look at it.
pub(crate) const GLOBAL_INSTANCE: Uuid = uuid!("2f1c8e60-9d57-4b0a-8a43-5f6e0c21d7b9");

/// The second half of made-up channel instances.
const INSTANCE_TAIL: [u8; 8] = [0x9B, 0x3E, 0x51, 0xA0, 0x7D, 0x14, 0xC6, 0x02];

/// The identity of one adapter. All three LUIDs differ, so that a guest that mixes them up is found
/// out, and none repeats among adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The channel's instance; its first half is the channel LUID.
    pub instance: Uuid,
    /// What the guest's users see.
    pub channel_luid: Luid,
    /// What stands in the extended header of the messages to this vGPU.
    pub vgpu_luid: Luid,
    /// The adapter on the host.
    pub adapter_luid: Luid,
}

impl Identity {
    /// The identity of the adapter at `position`, with a made-up instance unless one is given.
    pub fn new(position: u8, instance: Option<Uuid>) -> Self {
        let n = u32::from(position);
        let instance = instance.unwrap_or_else(|| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&(0x51A0_0100 + n * 0x11).to_le_bytes());
            bytes[4..8].copy_from_slice(&(0x0002_0001 + n).to_le_bytes());
            bytes[8..].copy_from_slice(&INSTANCE_TAIL);
            Uuid::from_bytes_le(bytes)
        });
        let bytes = instance.to_bytes_le();
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self {
            instance,
            channel_luid: Luid::new(word(0), word(4)),
            vgpu_luid: Luid::new(0x0001_C3E0 + n * 0x20, 0x0000_0007),
            adapter_luid: Luid::new(0x0000_D5B1 + n * 0x10, 0),
        }
    }
}
