// SPDX-License-Identifier: GPL-2.0
//! The table of all commands, in the order of the specification.

use super::{AdapterCommand, CommandInfo, DeviceCommand, Failure, Handler, InfoCommand, VmCommand};

/// A command that is not done.
const fn row(number: u32, name: &'static str, failure: Failure) -> CommandInfo {
    CommandInfo {
        number,
        name,
        failure,
        handler: None,
        min_len: 24,
    }
}

const fn handled(
    number: u32,
    name: &'static str,
    failure: Failure,
    min_len: usize,
    handler: Handler,
) -> CommandInfo {
    CommandInfo {
        number,
        name,
        failure,
        handler: Some(handler),
        min_len,
    }
}

/// Most answers are a status and nothing else.
const STATUS: Failure = Failure::Status { at: 0, len: 4 };
const HANDLE: Failure = Failure::Zero { len: 4 };

pub(super) static GLOBAL: &[CommandInfo] = &[
    handled(
        1000,
        "CREATEPROCESS",
        HANDLE,
        563,
        Handler::Vm(VmCommand::CreateProcess),
    ),
    handled(
        1001,
        "DESTROYPROCESS",
        STATUS,
        24,
        Handler::Vm(VmCommand::DestroyProcess),
    ),
    row(1002, "OPENSYNCOBJECT", Failure::Status { at: 4, len: 24 }),
    row(1003, "DESTROYSYNCOBJECT", STATUS),
    row(1004, "CREATENTSHAREDOBJECT", HANDLE),
    row(1005, "DESTROYNTSHAREDOBJECT", STATUS),
    row(1006, "SIGNALFENCE", STATUS),
    row(1007, "NOTIFYPROCESSFREEZE", STATUS),
    row(1008, "NOTIFYPROCESSTHAW", STATUS),
    row(1009, "QUERYETWSESSION", STATUS),
    handled(
        1010,
        "SETIOSPACEREGION",
        STATUS,
        44,
        Handler::Vm(VmCommand::SetIoSpaceRegion),
    ),
    row(1011, "COMPLETETRANSACTION", STATUS),
    row(
        1021,
        "SHAREOBJECTWITHHOST",
        Failure::Status { at: 0, len: 16 },
    ),
    handled(
        1022,
        "ISFEATUREENABLED_GLOBAL",
        Failure::Status { at: 0, len: 16 },
        28,
        Handler::Vm(VmCommand::IsFeatureEnabledGlobal),
    ),
];

pub(super) static VGPU: &[CommandInfo] = &[
    handled(
        0,
        "CREATEDEVICE",
        HANDLE,
        40,
        Handler::Device(DeviceCommand::CreateDevice),
    ),
    handled(
        1,
        "DESTROYDEVICE",
        STATUS,
        28,
        Handler::Device(DeviceCommand::DestroyDevice),
    ),
    handled(
        2,
        "QUERYADAPTERINFO",
        Failure::QueryAdapterInfo,
        33,
        Handler::Info(InfoCommand::QueryAdapterInfo),
    ),
    row(3, "DDIQUERYADAPTERINFO", STATUS),
    row(4, "CREATEALLOCATION", Failure::Short),
    row(5, "DESTROYALLOCATION", STATUS),
    row(6, "CREATECONTEXTVIRTUAL", Failure::ContextEcho),
    row(7, "DESTROYCONTEXT", STATUS),
    row(8, "CREATESYNCOBJECT", Failure::Short),
    row(9, "CREATEPAGINGQUEUE", Failure::Short),
    row(10, "DESTROYPAGINGQUEUE", STATUS),
    row(11, "MAKERESIDENT", Failure::Status { at: 16, len: 24 }),
    row(12, "EVICT", Failure::Short),
    row(13, "ESCAPE", Failure::Short),
    handled(
        14,
        "OPENADAPTER",
        Failure::Status { at: 4, len: 16 },
        40,
        Handler::Adapter(AdapterCommand::OpenAdapter),
    ),
    handled(
        15,
        "CLOSEADAPTER",
        STATUS,
        28,
        Handler::Adapter(AdapterCommand::CloseAdapter),
    ),
    row(16, "FREEGPUVIRTUALADDRESS", STATUS),
    row(
        17,
        "MAPGPUVIRTUALADDRESS",
        Failure::Status { at: 16, len: 24 },
    ),
    row(18, "RESERVEGPUVIRTUALADDRESS", Failure::Short),
    row(19, "UPDATEGPUVIRTUALADDRESS", STATUS),
    row(20, "SUBMITCOMMAND", STATUS),
    handled(
        21,
        "QUERYVIDEOMEMORYINFO",
        Failure::Short,
        36,
        Handler::Info(InfoCommand::QueryVideoMemoryInfo),
    ),
    row(22, "WAITFORSYNCOBJECTFROMCPU", STATUS),
    row(23, "LOCK2", Failure::Status { at: 0, len: 16 }),
    row(24, "UNLOCK2", STATUS),
    row(25, "WAITFORSYNCOBJECTFROMGPU", STATUS),
    row(26, "SIGNALSYNCOBJECT", STATUS),
    row(27, "SIGNALFENCENTSHAREDBYREF", STATUS),
    handled(
        28,
        "GETDEVICESTATE",
        Failure::Status { at: 56, len: 64 },
        80,
        Handler::Device(DeviceCommand::GetDeviceState),
    ),
    handled(
        29,
        "MARKDEVICEASERROR",
        STATUS,
        32,
        Handler::Device(DeviceCommand::MarkDeviceAsError),
    ),
    row(30, "ADAPTERSTOP", STATUS),
    row(31, "SETQUEUEDLIMIT", STATUS),
    row(
        32,
        "OPENRESOURCE",
        Failure::Counted {
            at: 4,
            len: 8,
            count_at: 36,
        },
    ),
    row(33, "SETCONTEXTSCHEDULINGPRIORITY", STATUS),
    row(34, "PRESENTHISTORYTOKEN", STATUS),
    row(35, "SETREDIRECTEDFLIPFENCEVALUE", STATUS),
    handled(
        36,
        "GETINTERNALADAPTERINFO",
        Failure::Short,
        24,
        Handler::Adapter(AdapterCommand::GetInternalAdapterInfo),
    ),
    row(37, "FLUSHHEAPTRANSITIONS", STATUS),
    row(38, "BLT", STATUS),
    row(
        39,
        "DDIGETSTANDARDALLOCATIONDRIVERDATA",
        Failure::StandardAllocationData,
    ),
    row(40, "CDDGDICOMMAND", STATUS),
    row(
        41,
        "QUERYALLOCATIONRESIDENCY",
        Failure::Counted {
            at: 0,
            len: 4,
            count_at: 40,
        },
    ),
    handled(
        42,
        "FLUSHDEVICE",
        STATUS,
        32,
        Handler::Device(DeviceCommand::FlushDevice),
    ),
    row(43, "FLUSHADAPTER", STATUS),
    row(44, "DDIGETNODEMETADATA", STATUS),
    row(45, "SETEXISTINGSYSMEMSTORE", STATUS),
    row(46, "ISSYNCOBJECTSIGNALED", STATUS),
    row(47, "CDDSYNCGPUACCESS", STATUS),
    row(48, "QUERYSTATISTICS", Failure::Status { at: 0, len: 784 }),
    row(49, "CHANGEVIDEOMEMORYRESERVATION", STATUS),
    row(50, "CREATEHWQUEUE", Failure::HwQueueEcho),
    row(51, "DESTROYHWQUEUE", STATUS),
    row(52, "SUBMITCOMMANDTOHWQUEUE", STATUS),
    row(53, "GETDRIVERSTOREFILE", STATUS),
    row(54, "READDRIVERSTOREFILE", STATUS),
    row(55, "GETNEXTHARDLINK", STATUS),
    row(
        56,
        "UPDATEALLOCATIONPROPERTY",
        Failure::Status { at: 8, len: 16 },
    ),
    row(57, "OFFERALLOCATIONS", STATUS),
    row(
        58,
        "RECLAIMALLOCATIONS",
        Failure::Counted {
            at: 8,
            len: 12,
            count_at: 32,
        },
    ),
    row(59, "SETALLOCATIONPRIORITY", STATUS),
    row(
        60,
        "GETALLOCATIONPRIORITY",
        Failure::Counted {
            at: 0,
            len: 4,
            count_at: 32,
        },
    ),
    row(
        61,
        "GETCONTEXTSCHEDULINGPRIORITY",
        Failure::Status { at: 0, len: 8 },
    ),
    row(
        62,
        "QUERYCLOCKCALIBRATION",
        Failure::Status { at: 0, len: 32 },
    ),
    row(64, "QUERYRESOURCEINFO", STATUS),
    row(65, "LOGEVENT", STATUS),
    row(66, "SETEXISTINGSYSMEMPAGES", STATUS),
    row(67, "INVALIDATECACHE", STATUS),
    handled(
        68,
        "ISFEATUREENABLED",
        Failure::Status { at: 0, len: 16 },
        28,
        Handler::Adapter(AdapterCommand::IsFeatureEnabled),
    ),
];
