// SPDX-License-Identifier: GPL-2.0
//! The commands of the protocol: their numbers and names, and what a failed one is answered with.

mod failure;
mod table;

pub use failure::Failure;

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
}

/// The commands that are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum Handler {
    CreateProcess,
    DestroyProcess,
    SetIoSpaceRegion,
    IsFeatureEnabledGlobal,
    QueryAdapterInfo,
    OpenAdapter,
    CloseAdapter,
    QueryVideoMemoryInfo,
    GetInternalAdapterInfo,
    FlushDevice,
    IsFeatureEnabled,
}

/// What the process field of a command's header must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessRule {
    /// Nothing.
    Zero,
    /// The process that the command is about.
    Live,
}

impl Handler {
    /// The shortest request, header included, that carries everything.
    pub fn min_len(self) -> usize {
        match self {
            Self::CreateProcess => 563,
            Self::DestroyProcess | Self::GetInternalAdapterInfo => 24,
            Self::SetIoSpaceRegion => 44,
            Self::IsFeatureEnabledGlobal | Self::IsFeatureEnabled | Self::CloseAdapter => 28,
            Self::QueryAdapterInfo => 33,
            Self::OpenAdapter => 40,
            Self::QueryVideoMemoryInfo => 36,
            Self::FlushDevice => 32,
        }
    }

    /// What its process field must hold.
    pub fn process_rule(self) -> ProcessRule {
        match self {
            Self::CreateProcess
            | Self::SetIoSpaceRegion
            | Self::IsFeatureEnabledGlobal
            | Self::OpenAdapter
            | Self::CloseAdapter
            | Self::GetInternalAdapterInfo
            | Self::IsFeatureEnabled => ProcessRule::Zero,
            Self::DestroyProcess
            | Self::QueryAdapterInfo
            | Self::QueryVideoMemoryInfo
            | Self::FlushDevice => ProcessRule::Live,
        }
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
