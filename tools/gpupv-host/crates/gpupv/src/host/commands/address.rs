// SPDX-License-Identifier: GPL-2.0
//! GPU addresses.

use super::super::call::{Call, Reply};
use super::super::shared::Shared;
use crate::command::AddressCommand;
use crate::status::NtStatus;

impl Shared {
    pub(in crate::host) fn address_command(
        &mut self,
        _command: AddressCommand,
        _position: usize,
        _call: &Call<'_>,
    ) -> Reply {
        Err(NtStatus::NOT_SUPPORTED.into())
    }
}
