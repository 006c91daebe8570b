// SPDX-License-Identifier: GPL-2.0
//! Sync objects.

use super::super::call::{Call, Reply};
use super::super::shared::Shared;
use crate::command::SyncCommand;
use crate::status::NtStatus;

impl Shared {
    pub(in crate::host) fn sync_command(
        &mut self,
        _command: SyncCommand,
        _position: usize,
        _call: &Call<'_>,
    ) -> Reply {
        Err(NtStatus::NOT_SUPPORTED.into())
    }
}
