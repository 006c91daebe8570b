// SPDX-License-Identifier: GPL-2.0

//! Requests in flight, as debugfs shows them: labels and names of commands.

use super::{
    Command,
    CommandHeader,
    Link, //
};
use crate::{
    linux::channel::Channel,
    transport::{
        Label,
        UnderWay, //
    },
    wire::HostProcess, //
};
use kernel::fmt;
#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
use kernel::prelude::*;
use zerocopy::FromBytes;

/// Numbers of the commands, in ascending order, and their names.
const NAMES: [(u32, &str); 82] = [
    (0, "CREATEDEVICE"),
    (1, "DESTROYDEVICE"),
    (2, "QUERYADAPTERINFO"),
    (3, "DDIQUERYADAPTERINFO"),
    (4, "CREATEALLOCATION"),
    (5, "DESTROYALLOCATION"),
    (6, "CREATECONTEXTVIRTUAL"),
    (7, "DESTROYCONTEXT"),
    (8, "CREATESYNCOBJECT"),
    (9, "CREATEPAGINGQUEUE"),
    (10, "DESTROYPAGINGQUEUE"),
    (11, "MAKERESIDENT"),
    (12, "EVICT"),
    (13, "ESCAPE"),
    (14, "OPENADAPTER"),
    (15, "CLOSEADAPTER"),
    (16, "FREEGPUVIRTUALADDRESS"),
    (17, "MAPGPUVIRTUALADDRESS"),
    (18, "RESERVEGPUVIRTUALADDRESS"),
    (19, "UPDATEGPUVIRTUALADDRESS"),
    (20, "SUBMITCOMMAND"),
    (21, "dxgk_vmbcommand_queryvideomemoryinfo"),
    (22, "WAITFORSYNCOBJECTFROMCPU"),
    (23, "LOCK2"),
    (24, "UNLOCK2"),
    (25, "WAITFORSYNCOBJECTFROMGPU"),
    (26, "SIGNALSYNCOBJECT"),
    (27, "SIGNALFENCENTSHAREDBYREF"),
    (28, "GETDEVICESTATE"),
    (29, "MARKDEVICEASERROR"),
    (30, "ADAPTERSTOP"),
    (31, "SETQUEUEDLIMIT"),
    (32, "OPENRESOURCE"),
    (33, "SETCONTEXTSCHEDULINGPRIORITY"),
    (34, "PRESENTHISTORYTOKEN"),
    (35, "SETREDIRECTEDFLIPFENCEVALUE"),
    (36, "GETINTERNALADAPTERINFO"),
    (37, "FLUSHHEAPTRANSITIONS"),
    (38, "BLT"),
    (39, "DDIGETSTANDARDALLOCATIONDRIVERDATA"),
    (40, "CDDGDICOMMAND"),
    (41, "QUERYALLOCATIONRESIDENCY"),
    (42, "FLUSHDEVICE"),
    (43, "FLUSHADAPTER"),
    (44, "DDIGETNODEMETADATA"),
    (45, "SETEXISTINGSYSMEMSTORE"),
    (46, "ISSYNCOBJECTSIGNALED"),
    (47, "CDDSYNCGPUACCESS"),
    (48, "QUERYSTATISTICS"),
    (49, "CHANGEVIDEOMEMORYRESERVATION"),
    (50, "CREATEHWQUEUE"),
    (51, "DESTROYHWQUEUE"),
    (52, "SUBMITCOMMANDTOHWQUEUE"),
    (53, "GETDRIVERSTOREFILE"),
    (54, "READDRIVERSTOREFILE"),
    (55, "GETNEXTHARDLINK"),
    (56, "UPDATEALLOCATIONPROPERTY"),
    (57, "OFFERALLOCATIONS"),
    (58, "RECLAIMALLOCATIONS"),
    (59, "SETALLOCATIONPRIORITY"),
    (60, "GETALLOCATIONPRIORITY"),
    (61, "GETCONTEXTSCHEDULINGPRIORITY"),
    (62, "QUERYCLOCKCALIBRATION"),
    (64, "QUERYRESOURCEINFO"),
    (65, "LOGEVENT"),
    (66, "SETEXISTINGSYSMEMPAGES"),
    (67, "INVALIDATECACHE"),
    (68, "ISFEATUREENABLED"),
    (1000, "CREATEPROCESS"),
    (1001, "DESTROYPROCESS"),
    (1002, "OPENSYNCOBJECT"),
    (1003, "DESTROYSYNCOBJECT"),
    (1004, "CREATENTSHAREDOBJECT"),
    (1005, "DESTROYNTSHAREDOBJECT"),
    (1006, "SIGNALFENCE"),
    (1007, "NOTIFYPROCESSFREEZE"),
    (1008, "NOTIFYPROCESSTHAW"),
    (1009, "QUERYETWSESSION"),
    (1010, "SETIOSPACEREGION"),
    (1011, "COMPLETETRANSACTION"),
    (1021, "SHAREOBJECTWITHHOST"),
    (1022, "ISFEATUREENABLED_GLOBAL"),
];

/// Returns the label of a command of type `M` on behalf of `process`.
pub(super) fn label_of<M: Command>(process: HostProcess) -> Label {
    Label {
        command: M::OPCODE.number(),
        process: process.handle().raw(),
    }
}

/// Returns the label of `message`, whose command header is at offset `start`.
pub(super) fn label_in(message: &[u8], start: usize) -> Label {
    message
        .get(start..)
        .and_then(|command| CommandHeader::read_from_prefix(command).ok())
        .map_or(Label::UNKNOWN, |(header, _)| Label {
            command: header.command_type,
            process: header.process.raw(),
        })
}

impl<C: Channel + 'static> Link<C> {
    /// Calls `show` for each request that the host has not answered, on this link and on others
    /// over the same channel.
    pub(crate) fn each_under_way(&self, show: impl FnMut(&UnderWay) -> fmt::Result) -> fmt::Result {
        self.transport.each_under_way(show)
    }

    /// Returns whether a request was sent over this link or a clone of it.
    pub(crate) fn has(&self, request: &UnderWay) -> bool {
        request.is_on(&self.endpoint)
    }
}

/// Returns the name of a command; `"?"` if there is none with this number.
pub(crate) fn name_of(number: u32) -> &'static str {
    NAMES
        .binary_search_by_key(&number, |&(number, _)| number)
        .ok()
        .and_then(|index| NAMES.get(index))
        .map_or("?", |&(_, name)| name)
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_under_way)]
mod tests {
    use super::{
        super::{
            encode,
            global::DestroyProcess,
            EXTENDED_HEADER, //
        },
        *, //
    };
    use crate::wire::{
        Envelope,
        InterfaceVersion,
        Luid, //
    };

    #[test]
    fn message_says_what_it_is_about() -> Result {
        for (version, start) in [(27, 0), (40, EXTENDED_HEADER)] {
            let envelope = Envelope {
                version: InterfaceVersion::for_host(version),
                vgpu: Luid::default(),
            };
            let message = encode(envelope, HostProcess::GUEST, &mut DestroyProcess)?;
            let label = label_in(message.bytes(), start);

            assert_eq!(name_of(label.command), "DESTROYPROCESS");
            assert_eq!(label.process, HostProcess::GUEST.handle().raw());
            assert_eq!(
                label_in(message.bytes().split_at(start + 8).0, start).command,
                u32::MAX
            );
        }
        Ok(())
    }

    #[test]
    fn each_number_has_a_name() {
        for pair in NAMES.windows(2) {
            assert!(pair[0].0 < pair[1].0);
        }
        for (number, name) in NAMES {
            assert_eq!(name_of(number), name);
        }
        assert_eq!(name_of(0), "CREATEDEVICE");
        assert_eq!(name_of(1003), "DESTROYSYNCOBJECT");
        assert_eq!(name_of(u32::MAX), "?");
    }
}
