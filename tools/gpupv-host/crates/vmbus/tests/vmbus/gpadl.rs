// SPDX-License-Identifier: GPL-2.0
//! GPADL messages and the views behind them.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use vmbus::gpadl::{Assembly, GpadlError};
use vmbus::proto::{ChannelMessage, GpadlHeader};
use vmbus::GpadlView;

use crate::fake::FakePartition;
use crate::random::Random;

const LIMIT: u64 = 1 << 20;

fn header(byte_count: u32, byte_offset: u32) -> GpadlHeader {
    let mut header = GpadlHeader::blank();
    header.range_count = 1.into();
    header.byte_count = byte_count.into();
    header.byte_offset = byte_offset.into();
    let pages = byte_count.div_ceil(4096);
    // As Linux does: the field wraps.
    header.range_buflen = ((8 + 8 * pages) as u16).into();
    header
}

fn bytes(pfns: impl IntoIterator<Item = u64>) -> Vec<u8> {
    pfns.into_iter().flat_map(u64::to_le_bytes).collect()
}

#[test]
fn header_alone() {
    let assembly = Assembly::start(&header(2 * 4096, 0), &bytes([7, 9]), LIMIT).unwrap();
    assert!(assembly.is_complete());
    let pages = assembly.finish(|_| true).unwrap();
    assert_eq!(&*pages.pfns, [7, 9]);
    assert_eq!((pages.byte_offset, pages.byte_count), (0, 8192));
}

#[test]
fn page_count_includes_the_offset() {
    // 4096 bytes from byte 8 on touch two pages.
    let assembly = Assembly::start(&header(4096, 8), &bytes([1, 2, 3]), LIMIT).unwrap();
    assert_eq!(&*assembly.finish(|_| true).unwrap().pfns, [1, 2]);
}

#[test]
fn surplus_in_header_and_body_is_ignored() {
    let mut rest = bytes([1, 2, 3]);
    rest.extend([0xFF; 5]);
    let assembly = Assembly::start(&header(2 * 4096, 0), &rest, LIMIT).unwrap();
    assert_eq!(&*assembly.finish(|_| true).unwrap().pfns, [1, 2]);

    let mut assembly = Assembly::start(&header(3 * 4096, 0), &bytes([1]), LIMIT).unwrap();
    assembly.extend(&bytes([2, 3, 4, 5]));
    assert_eq!(&*assembly.finish(|_| true).unwrap().pfns, [1, 2, 3]);
}

#[test]
fn short_payloads_leave_it_incomplete() {
    // A header without any page number, and a body that ends within one.
    let mut assembly = Assembly::start(&header(2 * 4096, 0), &[], LIMIT).unwrap();
    assert!(!assembly.is_complete());
    assembly.extend(&bytes([5])[..7]);
    assert!(!assembly.is_complete());
    assembly.extend(&bytes([5, 6]));
    assert!(assembly.is_complete());
}

#[test]
fn buflen_wrap_does_not_matter() {
    let pages = 8192 + 5;
    let header = header(pages * 4096, 0);
    assert!(
        u32::from(header.range_buflen.get()) < 8 * pages,
        "the field has wrapped"
    );
    let all: Vec<u64> = (100..100 + u64::from(pages)).collect();
    let mut assembly = Assembly::start(&header, &bytes(all[..26].iter().copied()), LIMIT).unwrap();
    for chunk in all[26..].chunks(28) {
        assert!(!assembly.is_complete());
        assembly.extend(&bytes(chunk.iter().copied()));
    }
    assert_eq!(*assembly.finish(|_| true).unwrap().pfns, all);
}

#[test]
fn impossible_headers_are_refused() {
    let mut two = header(4096, 0);
    two.range_count = 2.into();
    let error = |header: &GpadlHeader| Assembly::start(header, &[], 100).unwrap_err();
    assert_eq!(error(&two), GpadlError::Ranges(2));
    assert_eq!(error(&header(0, 0)), GpadlError::Empty);
    assert_eq!(error(&header(4096, 4096)), GpadlError::Offset(4096));
    let (pages, limit) = (101, 100);
    assert_eq!(
        error(&header(101 * 4096, 0)),
        GpadlError::TooLong { pages, limit }
    );
    assert_eq!(
        error(&header(100 * 4096, 1)),
        GpadlError::TooLong { pages, limit }
    );
    assert!(Assembly::start(&header(100 * 4096, 0), &[], 100).is_ok());
}

#[test]
fn every_page_must_be_ram() {
    let assembly = Assembly::start(&header(3 * 4096, 0), &bytes([1, 2, 3]), LIMIT).unwrap();
    assert_eq!(
        assembly.finish(|pfn| pfn != 3).unwrap_err(),
        GpadlError::NotRam(3)
    );
}

/// A view of `count` bytes at `offset` of pages in a strange order.
fn view(count: u32, offset: u32) -> (Arc<FakePartition>, GpadlView, Vec<u64>) {
    let pages = (count + offset).div_ceil(4096);
    let pfns: Vec<u64> = (0..u64::from(pages)).map(|n| 3 + (n * 5) % 32).collect();
    let rest = bytes(pfns.iter().copied());
    let pages = Assembly::start(&header(count, offset), &rest, LIMIT)
        .unwrap()
        .finish(|_| true)
        .unwrap();
    let partition = FakePartition::new(1);
    let view = GpadlView::new(Arc::clone(&partition) as _, &pages);
    (partition, view, pfns)
}

#[test]
fn view_is_contiguous_over_scattered_pages() {
    let (partition, view, pfns) = view(5 * 4096, 100);
    assert_eq!(view.len(), 5 * 4096);
    assert_eq!(view.pages(), pfns);
    let mut random = Random::new(1);
    let mut model = vec![0; 5 * 4096];
    for _ in 0..500 {
        let len = random.below(6000) as usize;
        let at = random.below((model.len() - len + 1) as u64) as usize;
        let data = random.bytes(len);
        view.write(at as u64, &data).unwrap();
        model[at..at + len].copy_from_slice(&data);
    }
    let mut all = vec![0; model.len()];
    view.read(0, &mut all).unwrap();
    assert_eq!(all, model);
    // Byte 4000 of the view is byte 4 of the second page.
    let address = pfns[1] * 4096 + 4;
    assert_eq!(partition.read(address, 8), &model[4000..4008]);
}

#[test]
fn view_checks_its_bounds() {
    let (_partition, view, _) = view(2 * 4096, 0);
    assert!(view.read(8190, &mut [0; 2]).is_ok());
    assert!(view.read(8190, &mut [0; 3]).is_err());
    assert!(view.write(u64::MAX, &[0]).is_err());
    assert!(view.load(8188, Ordering::Acquire).is_ok());
    assert!(view.load(8192, Ordering::Acquire).is_err());
    assert!(view.store(2, 0, Ordering::Release).is_err());
    assert!(view.part(4096, 4096).is_ok());
    assert!(view.part(4096, 4097).is_err());
    assert!(view.part(u64::MAX, 2).is_err());
}

#[test]
fn part_of_a_view_starts_where_it_should() {
    let (_partition, view, pfns) = view(4 * 4096, 0);
    let part = view.part(4096 + 16, 4096).unwrap();
    part.store(0, 0x1234_5678, Ordering::Release).unwrap();
    assert_eq!(view.load(4112, Ordering::Acquire).unwrap(), 0x1234_5678);
    assert_eq!(part.pages(), &pfns[1..3]);
    assert!(part.read(4096, &mut [0]).is_err());
}
