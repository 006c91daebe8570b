// SPDX-License-Identifier: GPL-2.0

//! The description of the allocations that a program asks for: read once, and checked as far as
//! that is possible without looking up objects.

use crate::{
    ioctl::user_args::{
        read_array,
        read_bytes, //
    },
    uapi::allocation::{
        AllocationInfo,
        CreateAllocation,
        StandardAllocation, //
    },
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};
use zerocopy::FromZeros;

/// Largest number of allocations of one request.
const MAX: usize = 1024;

/// Upper limit of the data about one allocation in bytes, exclusive.
const DATA_LIMIT: u32 = 128 * 1024;

/// The allocations that a program asks for.
pub(super) struct Request {
    pub(super) infos: KVVec<AllocationInfo>,
    /// Description of the allocation, for a standard allocation.
    pub(super) standard: Option<StandardAllocation>,
}

impl Request {
    /// Reads the arrays and structures the argument points to, and checks them.
    ///
    /// # Errors
    ///
    /// `EINVAL`, `EFAULT`, `ENOMEM`.
    pub(super) fn read(argument: &CreateAllocation) -> Result<Self> {
        // CAST: `usize` has at least 32 bits.
        let count = argument.alloc_count as usize;

        if count == 0 || count > MAX {
            return Err(EINVAL);
        }

        let infos = read_array::<AllocationInfo>(argument.allocation_info, count)?;
        let has = |flag: u32| argument.flags & flag != 0;
        let is_standard = has(CreateAllocation::STANDARD_ALLOCATION);

        for info in &infos {
            let size = info.priv_drv_data_size;

            if (is_standard && size != 0) || size >= DATA_LIMIT {
                return Err(EINVAL);
            }
        }
        if has(CreateAllocation::EXISTING_SECTION) || has(CreateAllocation::CREATE_PROTECTED) {
            return Err(EINVAL);
        }

        let standard = if is_standard {
            Some(Self::read_standard(argument, &infos)?)
        } else {
            None
        };

        if has(CreateAllocation::CREATE_SHARED) && !has(CreateAllocation::CREATE_RESOURCE) {
            return Err(EINVAL);
        }
        Ok(Self { infos, standard })
    }

    fn read_standard(
        argument: &CreateAllocation,
        infos: &[AllocationInfo],
    ) -> Result<StandardAllocation> {
        if argument.priv_drv_data == 0 {
            return Err(EINVAL);
        }

        let mut standard = StandardAllocation::new_zeroed();

        read_bytes(argument.priv_drv_data, standard.as_mut_bytes())?;
        Self::check_standard(argument, infos, &standard)?;
        Ok(standard)
    }

    fn check_standard(
        argument: &CreateAllocation,
        infos: &[AllocationInfo],
        standard: &StandardAllocation,
    ) -> Result {
        let page = PAGE_SIZE as u64;
        let sysmem = infos.first().map_or(0, |info| info.sysmem);
        let existing = argument.flags & CreateAllocation::EXISTING_SYSMEM != 0;
        let matches = match standard.r#type {
            StandardAllocation::EXISTING_HEAP => existing && sysmem != 0 && sysmem % page == 0,
            StandardAllocation::CROSS_ADAPTER => !existing && sysmem == 0,
            _ => false,
        };
        let size = standard.heap_size;

        if !matches
            || argument.priv_drv_data_size != 0
            || infos.len() != 1
            || size == 0
            || size % page != 0
        {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// Returns whether the allocations are backed by memory of the program.
    pub(super) fn has_sysmem(&self) -> bool {
        self.infos.first().is_some_and(|info| info.sysmem != 0)
    }

    /// Checks the addresses of the memory of the program.
    ///
    /// # Errors
    ///
    /// `EINVAL` unless either all allocations or none are backed by such memory, at page-aligned
    /// addresses.
    pub(super) fn check_sysmem(&self) -> Result {
        let page = PAGE_SIZE as u64;
        let wanted = self.has_sysmem();

        for info in &self.infos {
            if (info.sysmem != 0) != wanted || info.sysmem % page != 0 {
                return Err(EINVAL);
            }
        }
        Ok(())
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_allocation_request)]
mod tests {
    use super::*;

    struct Case {
        kind: u32,
        flags: u32,
        sysmem: u64,
        heap_size: u64,
        data_size: u32,
        count: usize,
    }

    fn accepted(case: Case) -> Result<bool> {
        let mut argument = CreateAllocation::new_zeroed();
        let mut standard = StandardAllocation::new_zeroed();
        let mut infos = KVVec::new();

        argument.flags = case.flags;
        argument.priv_drv_data_size = case.data_size;
        standard.r#type = case.kind;
        standard.heap_size = case.heap_size;
        for _ in 0..case.count {
            let mut info = AllocationInfo::new_zeroed();

            info.sysmem = case.sysmem;
            infos.push(info, GFP_KERNEL)?;
        }
        Ok(Request::check_standard(&argument, &infos, &standard).is_ok())
    }

    const HEAP: Case = Case {
        kind: StandardAllocation::EXISTING_HEAP,
        flags: CreateAllocation::EXISTING_SYSMEM,
        sysmem: 0x1000,
        heap_size: 0x1000,
        data_size: 0,
        count: 1,
    };

    const CROSS: Case = Case {
        kind: StandardAllocation::CROSS_ADAPTER,
        flags: 0,
        sysmem: 0,
        ..HEAP
    };

    #[test]
    fn standard_allocations() -> Result {
        assert!(accepted(HEAP)?);
        assert!(accepted(CROSS)?);
        for wrong in [
            Case { kind: 0, ..HEAP },
            Case { kind: 3, ..CROSS },
            Case { flags: 0, ..HEAP },
            Case { sysmem: 0, ..HEAP },
            Case {
                sysmem: 0x1008,
                ..HEAP
            },
            Case {
                heap_size: 0,
                ..HEAP
            },
            Case {
                heap_size: 0x1001,
                ..CROSS
            },
            Case {
                data_size: 24,
                ..CROSS
            },
            Case { count: 2, ..CROSS },
            Case {
                sysmem: 0x1000,
                ..CROSS
            },
            Case {
                flags: CreateAllocation::EXISTING_SYSMEM,
                ..CROSS
            },
        ] {
            assert!(!accepted(wrong)?);
        }
        Ok(())
    }

    #[test]
    fn memory_of_all_or_none() -> Result {
        for (first, second, right) in [
            (0u64, 0u64, true),
            (0x1000, 0x3000, true),
            (0x1000, 0, false),
            (0, 0x1000, false),
            (0x1000, 0x3800, false),
            (0x1001, 0x3000, false),
        ] {
            let mut infos = KVVec::new();

            for sysmem in [first, second] {
                let mut info = AllocationInfo::new_zeroed();

                info.sysmem = sysmem;
                infos.push(info, GFP_KERNEL)?;
            }

            let request = Request {
                infos,
                standard: None,
            };

            assert_eq!(request.check_sysmem().is_ok(), right);
        }
        Ok(())
    }
}
