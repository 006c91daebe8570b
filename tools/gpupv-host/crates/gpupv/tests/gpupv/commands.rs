// SPDX-License-Identifier: GPL-2.0
//! Commands that the host does not do: each is answered so that the guest sees a failure.

use gpupv::command::{self, Failure};
use gpupv::wire::ChannelType;
use gpupv::Config;

use crate::guest::{word, words, Guest};

const NOT_SUPPORTED: u32 = 0xC000_00BB;

#[test]
fn every_command_that_is_not_done_fails_visibly() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    let mut expected = 0;
    for family in [ChannelType::VmToHost, ChannelType::VgpuToHost] {
        for info in command::all(family).iter().filter(|i| i.handler.is_none()) {
            let body = [0; 100];
            let reply = match family {
                ChannelType::VmToHost => guest.global(info.number, process, &body),
                ChannelType::VgpuToHost => guest.vgpu(0, info.number, process, &body),
            };
            match info.failure {
                Failure::Status { at, len } => {
                    assert_eq!(reply.len(), len, "{}", info.name);
                    assert_eq!(word(&reply, at), NOT_SUPPORTED, "{}", info.name);
                }
                Failure::Zero { len } => assert_eq!(reply, vec![0; len]),
                Failure::Short => assert!(reply.is_empty()),
                _ => {}
            }
            expected += 1;
        }
    }
    guest.assert_clean();
    let report = guest.host.report();
    assert_eq!(report.unknown.len(), expected);
    assert!(report
        .unknown
        .iter()
        .all(|u| u.count == 1 && u.name.is_some()));
    // A host that cannot do something is no fault of the guest.
    guest.destroy_process(process);
    assert!(guest.host.report().verdict().is_clean());
}

#[test]
fn failures_whose_length_depends_on_the_request() {
    const NEVER: u32 = 0x7FC0;
    const INVALID_HANDLE: u32 = 0xC000_0008;
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    // Bodies start at byte 24 of the command. OPENRESOURCE of 20 allocations: 8 + 4 * 20.
    let open = guest.vgpu(0, 32, process, &words(&[NEVER, 1, 2, 20, 0, 0]));
    assert_eq!((open.len(), word(&open, 4)), (88, INVALID_HANDLE));
    // QUERYALLOCATIONRESIDENCY of 2, and of a resource.
    let body = words(&[NEVER, 0, 0, 0, 2, 0, 0, 0, 5, 5]);
    let residency = guest.vgpu(0, 41, process, &body);
    assert_eq!((residency.len(), word(&residency, 0)), (12, INVALID_HANDLE));
    let body = words(&[NEVER, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(guest.vgpu(0, 41, process, &body).len(), 8);
    // RECLAIMALLOCATIONS of 3, GETALLOCATIONPRIORITY of 5.
    let reclaim = guest.vgpu(0, 58, process, &words(&[1, NEVER, 3, 0, 0, 0, 0]));
    assert_eq!((reclaim.len(), word(&reclaim, 8)), (24, INVALID_HANDLE));
    let priority = guest.vgpu(0, 60, process, &words(&[NEVER, 0, 5, 0, 0, 0, 0, 0, 0]));
    assert_eq!((priority.len(), word(&priority, 0)), (24, INVALID_HANDLE));
    // DDIGETSTANDARDALLOCATIONDRIVERDATA of a kind that does not exist, with buffers of 100 and 20.
    let data = guest.vgpu(0, 39, process, &words(&[1, 100, 20, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!((data.len(), word(&data, 0)), (156, NOT_SUPPORTED));
    // CREATECONTEXTVIRTUAL with 40 bytes of driver data: an echo without a context.
    let mut body = words(&[0x1111, NEVER, 3, 4, 5, 6, 40]);
    body.extend([0x77; 40]);
    let context = guest.vgpu(0, 6, process, &body);
    assert_eq!((context.len(), word(&context, 24)), (95, 0));
    assert_eq!(word(&context, 28), NEVER);
    assert_eq!(context[52..92], [0x77; 40]);
    // CREATEHWQUEUE without driver data: an echo with a status.
    let mut body = words(&[0, 9, 9, 0, 9, 9, 9, 9, NEVER, 0, 0]);
    body.extend([0; 4]);
    let queue = guest.vgpu(0, 50, process, &body);
    assert_eq!((queue.len(), word(&queue, 24)), (72, INVALID_HANDLE));
    assert_eq!(queue[28..56], [0; 28], "no handles, no addresses");
    assert_eq!(word(&queue, 56), NEVER);
    // Absurd counts do not make absurd replies.
    let open = guest.vgpu(0, 32, process, &words(&[1, 1, 2, u32::MAX, 0, 0]));
    assert_eq!(open.len(), 131_056);
    let body = words(&[4, u32::MAX, u32::MAX, 0, 0, 0, 0, 7, 0, 0]);
    assert_eq!(guest.vgpu(0, 39, process, &body).len(), 131_056);
}

#[test]
fn numbers_without_meaning_are_counted() {
    let mut guest = Guest::started(Config::default());
    for _ in 0..3 {
        assert_eq!(guest.vgpu(0, 63, 0, &[]), words(&[NOT_SUPPORTED]));
    }
    assert_eq!(guest.global(5000, 0, &[]), words(&[NOT_SUPPORTED]));
    let report = guest.host.report();
    let found: Vec<_> = report
        .unknown
        .iter()
        .map(|u| (u.family, u.number, u.name, u.count))
        .collect();
    assert_eq!(found, [("vgpu", 63, None, 3), ("global", 5000, None, 1)]);
    assert_eq!(report.verdict().reasons, ["4 messages without meaning"]);
}
