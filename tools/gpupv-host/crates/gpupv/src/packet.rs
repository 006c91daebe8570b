// SPDX-License-Identifier: GPL-2.0
//! From the payload of a packet to a command: headers checked, nothing interpreted.

use zerocopy::FromBytes;

use crate::command::{self, CommandInfo};
use crate::wire::{ChannelType, CommandHeader, ExtendedHeader, Luid};

/// A command, as it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// Which vGPU the extended header names; `None` without such a header.
    pub luid: Option<Luid>,
    /// The family of the command.
    pub channel_type: ChannelType,
    /// The guest says that it wants no reply.
    pub asynchronous: bool,
    /// The command header.
    pub header: CommandHeader,
    /// Everything from the command header on.
    pub bytes: &'a [u8],
}

impl Command<'_> {
    /// What the specification says of the command, if it has one of this number.
    pub fn info(&self) -> Option<&'static CommandInfo> {
        command::find(self.channel_type, self.header.command_type.get())
    }
}

/// Finds the command in a packet. `extended`: whether packets have an extended header.
///
/// # Errors
///
/// Says what makes the packet malformed.
pub fn parse(payload: &[u8], extended: bool) -> Result<Command<'_>, String> {
    let (luid, bytes) = if extended {
        let (header, _) = ExtendedHeader::read_from_prefix(payload)
            .map_err(|_| format!("{} bytes hold no extended header", payload.len()))?;
        // CAST: u32 to usize, on a 64-bit host.
        let offset = header.command_offset.get() as usize;
        let bytes = payload
            .get(offset..)
            .filter(|_| offset >= size_of::<ExtendedHeader>() && offset % 8 == 0)
            .ok_or_else(|| format!("command at byte {offset} of {}", payload.len()))?;
        (Some(header.vgpu_luid), bytes)
    } else {
        (None, payload)
    };
    let (header, _) = CommandHeader::read_from_prefix(bytes)
        .map_err(|_| format!("{} bytes hold no command header", bytes.len()))?;
    let word = header.channel_type.get();
    // CAST: the low eight bits are meant.
    let channel_type = ChannelType::try_from(word as u8)
        .map_err(|number| format!("channel type {number} in a command header"))?;
    Ok(Command {
        luid,
        channel_type,
        asynchronous: word & CommandHeader::ASYNC_MESSAGE != 0,
        header,
        bytes,
    })
}
