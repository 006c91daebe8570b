// SPDX-License-Identifier: GPL-2.0
//! Where allocations are, and how much they matter.

use super::super::call::{Call, Reply};
use super::super::shared::Shared;
use crate::command::ResidencyCommand;
use crate::status::NtStatus;

impl Shared {
    pub(in crate::host) fn residency_command(
        &mut self,
        _command: ResidencyCommand,
        _position: usize,
        _call: &Call<'_>,
    ) -> Reply {
        Err(NtStatus::NOT_SUPPORTED.into())
    }
}
