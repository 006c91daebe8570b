// SPDX-License-Identifier: GPL-2.0

//! Where the value of a fence is, from what replies say about its storage.

/// Bytes of a page of the host, whatever the guest's has.
const HOST_PAGE: u64 = 4096;

/// Bytes of a value.
const VALUE_SIZE: u64 = 8;

/// The address of the value of a fence that the host keeps in the page at `address`, `offset` bytes
/// from its start.
///
/// Hosts that give each fence a page of its own put the value at its start, and the offset is 0 or
/// means something that no document tells. So it only counts if the address is that of a page, and
/// if it names a place in that page.
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
            // No place in the page
            (0xF_0000_1000, 0xFF9, 0xF_0000_1000),
            (0xF_0000_1000, 0x1000, 0xF_0000_1000),
            (0xF_0000_1000, u64::MAX, 0xF_0000_1000),
            // The address says it already.
            (0xF_0000_1040, 0x40, 0xF_0000_1040),
            (0, 0, 0),
        ] {
            assert_eq!(value_address(address, offset), value);
        }
    }
}
