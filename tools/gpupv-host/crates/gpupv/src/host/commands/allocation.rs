// SPDX-License-Identifier: GPL-2.0
//! Allocations and resources.

use super::super::call::{Call, Reply};
use super::super::shared::Shared;
use crate::command::AllocationCommand;
use crate::status::NtStatus;

impl Shared {
    pub(in crate::host) fn allocation_command(
        &mut self,
        _command: AllocationCommand,
        _position: usize,
        _call: &Call<'_>,
    ) -> Reply {
        Err(NtStatus::NOT_SUPPORTED.into())
    }
}
