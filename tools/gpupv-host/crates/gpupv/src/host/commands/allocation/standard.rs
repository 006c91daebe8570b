// SPDX-License-Identifier: GPL-2.0
//! Standard allocations: those that the guest describes without a user-mode driver.

use zerocopy::byteorder::little_endian::U32;
use zerocopy::{FromBytes, IntoBytes};

use super::super::super::call::{broken, Call, Fail, Reply};
use crate::allocation_data::{AllocationData, ResourceData, Wish};
use crate::io_space::PAGE;
use crate::status::NtStatus;
use crate::wire::{
    CreateAllocation, GetStandardAllocationData, GetStandardAllocationDataReturn,
    StandardAllocation,
};

/// The kind of surface that guests ask for: a texture for several adapters.
const CROSS_ADAPTER_TEXTURE: u32 = 7;

/// What is wanted of a standard allocation.
pub(super) fn wish(data: &[u8], flags: u32) -> Result<Wish, Fail> {
    let Ok(standard) = StandardAllocation::read_from_bytes(data) else {
        return broken(format!("a standard allocation in {} bytes", data.len()));
    };
    let existing = flags & CreateAllocation::EXISTING_SYSMEM != 0;
    let kind = standard.r#type.get();
    let fits = match kind {
        StandardAllocation::EXISTING_HEAP => existing,
        StandardAllocation::CROSS_ADAPTER => !existing,
        _ => false,
    };
    let size = standard.existing_heap_data.get();
    if !fits || size == 0 || size % PAGE != 0 {
        return broken(format!("standard allocation {kind} of {size:#x} bytes"));
    }
    let reserved = [standard.reserved, standard.flags, standard.reserved1];
    if reserved.iter().any(|word| word.get() != 0) {
        return Err(NtStatus::INVALID_PARAMETER.into());
    }
    Ok(Wish {
        size,
        told: size,
        cached: true,
        local: false,
    })
}

/// Answers DDIGETSTANDARDALLOCATIONDRIVERDATA: first the sizes of the data, then the data.
pub(super) fn driver_data(call: &Call<'_>) -> Reply {
    let request: GetStandardAllocationData = call.read();
    if request.alloc_type.get() != GetStandardAllocationData::GDI_SURFACE
        || request.physical_adapter_index.get() != 0
    {
        return Err(NtStatus::NOT_SUPPORTED.into());
    }
    let surface = <[U32; 6]>::read_from_bytes(&request.gdi_surface)
        .map_err(|_| NtStatus::INVALID_PARAMETER)?;
    let [width, height, _format, kind, _flags, _pitch] = surface.map(U32::get);
    if kind != CROSS_ADAPTER_TEXTURE || height == 0 {
        return Err(NtStatus::INVALID_PARAMETER.into());
    }
    let bytes = u64::from(width) * u64::from(height);
    let allocation = AllocationData::new(bytes, true, false);
    let resource = ResourceData::new();
    let sizes = [size_of_val(&allocation), size_of_val(&resource)];
    let mut data = [allocation.as_bytes(), resource.as_bytes()].concat();
    // CAST: u32 to usize, on a 64-bit host.
    let wanted = [
        request.priv_driver_data_size.get() as usize,
        request.priv_driver_resource_size.get() as usize,
    ];
    if wanted == [0, 0] {
        data.clear();
    } else if wanted != sizes {
        return Err(NtStatus::BUFFER_TOO_SMALL.into());
    }
    let answer = GetStandardAllocationDataReturn {
        status: NtStatus::SUCCESS.0.into(),
        // CAST: both are small.
        priv_driver_data_size: (sizes[0] as u32).into(),
        priv_driver_resource_size: (sizes[1] as u32).into(),
        gdi_surface: request.gdi_surface,
    };
    Ok([answer.as_bytes(), &data].concat())
}
