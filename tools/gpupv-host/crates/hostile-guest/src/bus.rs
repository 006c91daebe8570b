// SPDX-License-Identifier: GPL-2.0
//! What a guest sends to VMBus and to the hypervisor below it.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use hyperv::hypercall::decode;
use uuid::Uuid;
use vmbus::control::{Action, Control, ControlOptions, DeviceId};
use vmbus::gpadl::{Assembly, PageList};
use vmbus::proto::GpadlHeader;
use vmbus::ring::{Field, GuestRing, Outgoing, RingMemory, RingReader, RingWriter};
use vmbus::{GpadlView, Offer};
use zerocopy::FromBytes;

use crate::machine::{Ram, PAGE, RAM_PAGES};
use crate::source::Source;

/// How many GPADLs of one page a guest with so little RAM may have at most, and some more.
const ACTIONS_MAX: usize = 1 << 16;

/// Sends control messages: the state machine of VMBus takes all of them, and what it wants done for one
/// message has an end.
pub fn control(data: &[u8]) {
    let mut control = Control::new(ControlOptions {
        max_version: 0x0005_0003,
        vp_count: 2,
        ram_pages: RAM_PAGES,
        is_ram: Box::new(|pfn| pfn < RAM_PAGES),
    });
    for n in 0..3u32 {
        let offer = Offer {
            class: Uuid::from_u128(1),
            instance: Uuid::from_u128(n.into()),
            mmio_megabytes: 0,
            max_packet: Offer::DEFAULT_MAX_PACKET,
        };
        let _ = control.add(DeviceId(n), offer);
    }
    let mut source = Source::new(data);
    while !source.is_empty() {
        let actions = match source.byte() {
            0xFF => control.rescind(DeviceId(source.byte().into()), vmbus::Closed::Rescinded),
            0xFE => control.offer_again(DeviceId(source.byte().into())),
            kind => {
                let mut message = message(kind, &mut source);
                message.truncate(240);
                control.message(&message)
            }
        };
        assert!(actions.len() < ACTIONS_MAX, "{} actions", actions.len());
        for action in actions {
            if let Action::Open(request) = action {
                let _ = control.opened(request.relid, source.byte() % 8 != 0);
            }
        }
        assert!(control.faults().texts.len() <= 100);
    }
    let _ = control.shutdown();
    assert_eq!((control.open_channels(), control.gpadl_count()), (0, 0));
}

/// A message whose type is likely to be one, and whose words are likely to name something.
fn message(kind: u8, source: &mut Source<'_>) -> Vec<u8> {
    let mut message = vec![kind % 26, 0, 0, 0, 0, 0, 0, 0];
    let words = source.below(12);
    for _ in 0..words {
        let word = match source.byte() {
            number @ 0..=127 => u32::from(number % 16),
            128..=159 => 0x0005_0003,
            160..=175 => 4096 * u32::from(source.byte()),
            _ => source.u32(),
        };
        message.extend(word.to_le_bytes());
    }
    let rest = source.below(200);
    message.extend(source.bytes(rest));
    message
}

/// Lends memory, and reads and writes it: nothing but the pages of the list is reached.
pub fn gpadl(data: &[u8]) {
    let mut source = Source::new(data);
    let mut header = source.bytes(size_of::<GpadlHeader>()).to_vec();
    header.resize(size_of::<GpadlHeader>(), 0);
    let Ok(mut header) = GpadlHeader::read_from_bytes(&header) else {
        return;
    };
    if source.byte() % 4 != 0 {
        // Likely to be taken.
        header.range_count = 1.into();
        header.byte_count = (u32::from(source.u16()) * 8).into();
        header.byte_offset = u32::from(source.u16() % 4200).into();
    }
    let first = source.below(240);
    let Ok(mut assembly) = Assembly::start(&header, &page_numbers(first, &mut source), RAM_PAGES)
    else {
        return;
    };
    assert!(assembly.pages() <= RAM_PAGES);
    while !assembly.is_complete() {
        if source.is_empty() {
            return;
        }
        let len = source.below(240);
        assembly.extend(&page_numbers(len, &mut source));
    }
    let Ok(pages) = assembly.finish(|pfn| pfn < RAM_PAGES) else {
        return;
    };
    use_view(&GpadlView::new(Ram::new(&[]), &pages), &mut source);
}

/// Bytes of a message that hold page numbers, most of which exist.
fn page_numbers(len: usize, source: &mut Source<'_>) -> Vec<u8> {
    let number = |byte: u8| match byte {
        0xFF => u64::MAX,
        byte => u64::from(byte),
    };
    let numbers = source.bytes(len / 8).iter().copied().map(number);
    numbers.flat_map(u64::to_le_bytes).collect()
}

fn use_view(view: &GpadlView, source: &mut Source<'_>) {
    assert!(view.pages().iter().all(|&pfn| pfn < RAM_PAGES));
    while !source.is_empty() {
        let offset = match source.byte() % 4 {
            0 => source.u64(),
            _ => u64::from(source.u32()) % (view.len() + 16),
        };
        let mut bytes = vec![0; source.below(9000)];
        let inside = offset
            .checked_add(bytes.len() as u64)
            .is_some_and(|end| end <= view.len());
        assert_eq!(view.read(offset, &mut bytes).is_ok(), inside);
        assert_eq!(view.write(offset, &bytes).is_ok(), inside);
        let _ = view.load(offset, Ordering::Relaxed);
        let _ = view.store(offset, 7, Ordering::Relaxed);
        if let Ok(part) = view.part(offset, u64::from(source.u16())) {
            assert!(part.len() <= view.len());
        }
    }
}

/// Rings full of anything: a reader finds packets or an error, and no more than the ring holds; a writer
/// stays within it.
pub fn ring(data: &[u8]) {
    const PAGES: u64 = 4;
    let ram = Ram::new(data);
    let pages = PageList {
        pfns: (0..PAGES).collect::<Vec<_>>().into(),
        byte_offset: 0,
        byte_count: (PAGES * PAGE) as u32,
    };
    let view = GpadlView::new(Arc::clone(&ram) as _, &pages);
    let Ok(memory) = GuestRing::new(view.clone()) else {
        return;
    };
    let size = memory.size();
    let mut source = Source::new(data);
    if source.byte() % 8 != 0 {
        // Indices that can be.
        for field in [Field::WriteIndex, Field::ReadIndex] {
            let index = u32::from(source.u16()) * 8 % size;
            let _ = memory.store(field, index, Ordering::Relaxed);
        }
    }
    if let Ok(mut reader) = RingReader::new(memory) {
        let mut packets = Vec::new();
        for _ in 0..4 {
            packets.clear();
            let result = reader.receive(&mut packets);
            let bytes: usize = packets.iter().map(|packet| packet.payload.len()).sum();
            assert!(
                bytes <= size as usize,
                "{bytes} bytes from a ring of {size}"
            );
            if result.is_err() {
                break;
            }
        }
    }
    let Ok(Ok(mut writer)) = GuestRing::new(view).map(RingWriter::new) else {
        return;
    };
    for transaction_id in 0..8 {
        let len = source.below(6000);
        let payload = vec![0x5A; len];
        let packet = Outgoing {
            kind: vmbus::proto::PacketType::InBand,
            transaction_id,
            payload: &payload,
        };
        if writer.write(&packet).is_err() {
            break;
        }
    }
    let mut beyond = vec![0; 4096];
    let end = vm_memory::GuestAddress(PAGES * PAGE);
    let read = vm_memory::Bytes::read_slice(ram.memory(), &mut beyond, end);
    let expected: Vec<u8> = data.iter().copied().skip((PAGES * PAGE) as usize).collect();
    let same = beyond
        .iter()
        .zip(expected.iter().chain(std::iter::repeat(&0)));
    assert!(read.is_ok() && same.take(4096).all(|(a, b)| a == b));
}

/// Calls the hypervisor.
pub fn hypercall(data: &[u8]) {
    let mut source = Source::new(data);
    let ram = Ram::new(data);
    while !source.is_empty() {
        let input = match source.byte() % 4 {
            0 => source.u64(),
            1 => 0x5D | (u64::from(source.byte() & 1) << 16),
            _ => 0x5C,
        };
        let address = match source.byte() % 4 {
            0 => source.u64(),
            _ => (u64::from(source.u32()) % (2 * RAM_PAGES * PAGE)) & !7,
        };
        if let Ok(hyperv::hypercall::Call::PostMessage { payload, .. }) =
            decode(ram.memory(), input, [address, source.u64()])
        {
            assert!(payload.len() <= hyperv::MAX_MESSAGE);
        }
    }
}
