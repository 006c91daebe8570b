// SPDX-License-Identifier: GPL-2.0

//! The address of the value of a fence, from the storage fields of replies.

/// Page size of the host in bytes, whatever that of the guest is.
const HOST_PAGE: u64 = 4096;

/// Size of a fence value in bytes.
const VALUE_SIZE: u64 = 8;

/// Returns the guest physical address of a fence value that the host keeps in the page at
/// `address`, `offset` bytes from its start.
///
/// Hosts that use a page per fence put the value at its start; the offset is 0 then, or has a
/// meaning that is not documented. So the offset counts only if `address` is page aligned and the
/// value lies within the page.
pub(super) fn value_address(address: u64, offset: u64) -> u64 {
    if address % HOST_PAGE == 0 && offset <= HOST_PAGE - VALUE_SIZE {
        address + offset
    } else {
        address
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kernel::macros::kunit_tests(dxgkrnl_message_fence_storage)]
mod tests {
    use super::*;

    #[test]
    fn offsets_within_a_page() {
        for (address, offset, value) in [
            (0xF_0000_1000, 0, 0xF_0000_1000),
            (0xF_0000_1000, 8, 0xF_0000_1008),
            (0xF_0000_1000, 0xFF8, 0xF_0000_1FF8),
            // Values that do not lie within the page.
            (0xF_0000_1000, 0xFF9, 0xF_0000_1000),
            (0xF_0000_1000, 0x1000, 0xF_0000_1000),
            (0xF_0000_1000, u64::MAX, 0xF_0000_1000),
            // Addresses that contain the offset already.
            (0xF_0000_1040, 0x40, 0xF_0000_1040),
            (0, 0, 0),
        ] {
            assert_eq!(value_address(address, offset), value);
        }
    }
}
