// SPDX-License-Identifier: GPL-2.0
//! The commands of the protocol: their numbers and names, and what a failed one is answered with.

mod failure;
mod family;
mod table;

pub use failure::Failure;
pub(crate) use failure::PAYLOAD_MAX;
pub use family::{
    AdapterCommand, AddressCommand, AllocationCommand, ContextCommand, DeviceCommand, InfoCommand,
    QueueCommand, ResidencyCommand, ShareCommand, SyncCommand, VmCommand,
};

use crate::wire::ChannelType;

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct CommandInfo {
    /// Its number.
    pub number: u32,
    /// Its name in the specification, without the prefix.
    pub name: &'static str,
    /// How it fails.
    pub failure: Failure,
    /// How it is handled, if it is.
    pub handler: Option<Handler>,
    /// The shortest request, header included, that carries everything; for a request with a part of
    /// variable length, that of an empty one.
    pub min_len: usize,
}

/// The commands that are handled, by family. The first two families belong to the global channel,
/// the others to an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the families have their own documentation")]
pub enum Handler {
    Vm(VmCommand),
    Share(ShareCommand),
    Adapter(AdapterCommand),
    Device(DeviceCommand),
    Context(ContextCommand),
    Queue(QueueCommand),
    Sync(SyncCommand),
    Allocation(AllocationCommand),
    Residency(ResidencyCommand),
    Address(AddressCommand),
    Info(InfoCommand),
}

/// What the process field of a command's header must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessRule {
    /// Nothing.
    Zero,
    /// The process that the command is about.
    Live,
    /// A process that may have ended just now, without its driver's fault.
    Examined,
}

impl Handler {
    /// What its process field must hold.
    pub fn process_rule(self) -> ProcessRule {
        match self {
            Self::Vm(
                VmCommand::CreateProcess
                | VmCommand::SetIoSpaceRegion
                | VmCommand::IsFeatureEnabledGlobal,
            )
            | Self::Share(ShareCommand::DestroyNtSharedObject)
            | Self::Adapter(_) => ProcessRule::Zero,
            Self::Info(InfoCommand::QueryStatistics) => ProcessRule::Examined,
            _ => ProcessRule::Live,
        }
    }

    /// Whether a driver sends it even after it has closed the adapter, because a process ends or
    /// uses up what it still has.
    pub fn may_come_late(self) -> bool {
        matches!(
            self,
            Self::Device(DeviceCommand::FlushDevice)
                | Self::Allocation(
                    AllocationCommand::DestroyAllocation | AllocationCommand::InvalidateCache
                )
        )
    }
}

/// Finds a command.
pub fn find(channel_type: ChannelType, number: u32) -> Option<&'static CommandInfo> {
    all(channel_type).iter().find(|info| info.number == number)
}

/// All commands of a family.
pub fn all(channel_type: ChannelType) -> &'static [CommandInfo] {
    match channel_type {
        ChannelType::VgpuToHost => table::VGPU,
        ChannelType::VmToHost => table::GLOBAL,
    }
}
