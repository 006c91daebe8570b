// SPDX-License-Identifier: GPL-2.0
//! Query type 48: values of the registry and paths of the driver.
//!
//! The call succeeds whether there is room for the output or not; the status in the data says which,
//! and the size of the output is there in both cases. It fails, and changes nothing, if there is no
//! such value, if its type is another one, or if the buffer is smaller than the structure.

use zerocopy::{FromBytes, IntoBytes};

use super::only_physical_adapter;
use crate::adapter::{AdapterDescription, RegistryKey};
use crate::status::NtStatus;
use crate::wire::from_utf16;
use crate::wire::query_data::QueryRegistryInfo;

/// What is asked for.
mod query_type {
    pub(super) const SERVICE_KEY: u32 = 0;
    pub(super) const ADAPTER_KEY: u32 = 1;
    pub(super) const DRIVER_STORE_PATH: u32 = 2;
    pub(super) const DRIVER_IMAGE_PATH: u32 = 3;
}

/// Answers a query in place.
pub(super) fn answer(adapter: &AdapterDescription, data: &mut [u8]) -> Result<(), NtStatus> {
    let (mut info, _) =
        QueryRegistryInfo::read_from_prefix(data).map_err(|_| NtStatus::INVALID_PARAMETER)?;
    only_physical_adapter(info.physical_adapter_index.get())?;
    let output = find(adapter, &info)?;
    // CAST: values and paths are short.
    info.output_value_size = (output.len() as u32).into();
    let room = &mut data[QueryRegistryInfo::OUTPUT_OFFSET..];
    let fits = output.len() <= room.len();
    if fits {
        room[..output.len()].copy_from_slice(&output);
    }
    let status = match fits {
        true => QueryRegistryInfo::STATUS_SUCCESS,
        false => QueryRegistryInfo::STATUS_BUFFER_OVERFLOW,
    };
    info.status = status.into();
    let head = &info.as_bytes()[..QueryRegistryInfo::OUTPUT_OFFSET];
    data[..head.len()].copy_from_slice(head);
    Ok(())
}

/// The output, whatever room there is.
fn find(adapter: &AdapterDescription, info: &QueryRegistryInfo) -> Result<Vec<u8>, NtStatus> {
    let translate = info.query_flags.get() & QueryRegistryInfo::TRANSLATE_PATH != 0;
    let kind = info.value_type.get();
    let path = |path: String| {
        // Paths are always translated, and have no type.
        if translate || kind != 0 {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        let units = path.encode_utf16().chain([0]);
        Ok(units.flat_map(u16::to_le_bytes).collect())
    };
    let key = match info.query_type.get() {
        query_type::SERVICE_KEY => RegistryKey::Service,
        query_type::ADAPTER_KEY => RegistryKey::Adapter,
        query_type::DRIVER_STORE_PATH => return path(adapter.guest_store_path()),
        query_type::DRIVER_IMAGE_PATH => return path(adapter.guest_image_path()),
        _ => return Err(NtStatus::INVALID_PARAMETER),
    };
    let value = adapter
        .registry_value(key, &from_utf16(&info.value_name))
        .ok_or(NtStatus::OBJECT_NAME_NOT_FOUND)?;
    if value.kind.number() != kind {
        return Err(NtStatus::OBJECT_TYPE_MISMATCH);
    }
    Ok(match translate {
        true => value.translated(),
        false => value.data,
    })
}
