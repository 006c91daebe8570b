// SPDX-License-Identifier: GPL-2.0

//! What can go wrong, in sentences.

use crate::{
    compute::{ExecutionState, PageFault},
    uapi::{
        adapter::{IsFeatureEnabled, QueryAdapterInfo, QueryVideoMemoryInfo},
        query::AdapterQuery,
        statistics::{QueryStatistics, StatisticsType},
        Request,
    },
    Errno, Feature, Luid, NtStatus, SegmentGroup,
};
use std::{fmt, io, path::PathBuf};

/// Result of everything that talks to the driver.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the library could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device could not be opened.
    #[error("cannot open {}: {reason}", path.display())]
    Open {
        /// The device node.
        path: PathBuf,
        /// What kept it from being opened.
        reason: OpenFailure,
        /// The error of the system call, if it was one.
        source: Option<io::Error>,
    },
    /// A call of the driver failed.
    #[error("{function} failed with {errno}: {}", errno.meaning())]
    Call {
        /// The D3DKMT function.
        function: Function,
        /// The driver's error number.
        errno: Errno,
    },
    /// The host accepted a request without giving the data asked for.
    #[error("{function}: the host answered with status {status} and without data")]
    NoData {
        /// The D3DKMT function.
        function: Function,
        /// The host's status.
        status: NtStatus,
    },
    /// The device is used in another process than the one that opened it.
    #[error(
        "{function} failed with ENOTTY: process {opened_by} opened the device and process {caller} \
         uses it; the driver serves only the process that opened it, so open it again after fork"
    )]
    OtherProcess {
        /// The D3DKMT function.
        function: Function,
        /// The process that opened the device.
        opened_by: u32,
        /// The process that made the call.
        caller: u32,
    },
    /// There is no adapter with this LUID.
    #[error("there is no adapter with LUID {luid}")]
    NoSuchAdapter {
        /// The LUID asked for.
        luid: Luid,
    },
    /// There is no adapter at all.
    #[error("this machine has no adapter")]
    NoAdapter,
    /// No adapter is the one that was meant.
    #[error("there is no adapter {wanted}; there are {there}")]
    NoMatch {
        /// What was meant: "of the kind compute-only".
        wanted: String,
        /// The adapters that there are.
        there: String,
    },
    /// A device does no more work.
    #[error("the device was stopped: {state}{}", fault.map(|f| format!(", {f}")).unwrap_or_default())]
    Stopped {
        /// How the device is.
        state: ExecutionState,
        /// What it did, if that was the reason.
        fault: Option<PageFault>,
    },
    /// More bytes than there can be.
    #[error("{bytes} bytes are too many")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// The length of a list kept growing while it was being read.
    #[error("{function}: the list grew each of the {attempts} times it was read")]
    Unsettled {
        /// The D3DKMT function.
        function: Function,
        /// How often it was tried.
        attempts: u32,
    },
    /// The driver or the host said something that cannot be.
    #[error("{function}: {problem}")]
    Malformed {
        /// The D3DKMT function.
        function: Function,
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    /// The error number the driver gave, if that is what went wrong.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Call { errno, .. } => Some(*errno),
            Self::OtherProcess { .. } => Some(Errno::ENOTTY),
            _ => None,
        }
    }

    /// The function that failed, if it came to calling one.
    pub fn function(&self) -> Option<Function> {
        match self {
            Self::Call { function, .. }
            | Self::NoData { function, .. }
            | Self::OtherProcess { function, .. }
            | Self::Unsettled { function, .. }
            | Self::Malformed { function, .. } => Some(*function),
            Self::Open { .. }
            | Self::NoSuchAdapter { .. }
            | Self::Stopped { .. }
            | Self::NoAdapter
            | Self::NoMatch { .. }
            | Self::TooLarge { .. } => None,
        }
    }

    /// Whether this question merely has no answer here, which is normal: what can be asked depends
    /// on the versions of the driver, of the host and of the GPU driver there.
    pub fn is_unanswered(&self) -> bool {
        match self {
            Self::NoData { .. } => true,
            Self::Call { errno, .. } => matches!(
                errno.0,
                // A short reply, given as EOVERFLOW, is how a host fails a request that has no
                // place for a status in its reply.
                libc::EINVAL
                    | libc::ENOENT
                    | libc::EPERM
                    | libc::EOPNOTSUPP
                    | libc::EOVERFLOW
                    // This driver is older than the question.
                    | libc::ENOTTY
            ),
            _ => false,
        }
    }
}

/// Why a device node could not be opened, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenFailure {
    /// There is no such node.
    NoNode,
    /// There is a node and nothing behind it.
    NoDriver,
    /// The path leads to something that is not a character device.
    NotADevice,
    /// The driver runs but has no host to talk to.
    NoHost,
    /// The caller may not open the node.
    Denied,
    /// None of the above.
    Other,
}

impl OpenFailure {
    pub(crate) fn from_io(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => Self::NoNode,
            Some(libc::ENXIO | libc::ENODEV) => Self::NoDriver,
            Some(libc::EBADF) => Self::NoHost,
            Some(libc::EACCES | libc::EPERM) => Self::Denied,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for OpenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNode => {
                "there is no such device; the dxgkrnl module is probably not loaded \
                 (try `modprobe dxgkrnl`)"
            }
            Self::NoDriver => {
                "no driver answers; the node is left over from an unloaded dxgkrnl module \
                 (try `modprobe dxgkrnl`)"
            }
            Self::NotADevice => "this is not a character device",
            Self::NoHost => {
                "the dxgkrnl module is loaded but has no connection to a GPU host: this machine is \
                 no Hyper-V guest, the host has assigned it no GPU, or connecting has failed, which \
                 the kernel's log tells then (`dmesg | grep dxgkrnl`)"
            }
            Self::Denied => {
                "permission denied; `ls -l` tells who may use the node: join its group (render, with \
                 the packages) and log in again; in a container, look at its device policy"
            }
            Self::Other => "the system refused",
        })
    }
}

/// A function of the driver as errors name it, with what was asked of it:
/// `D3DKMTQueryAdapterInfo(KMTQAITYPE_ADAPTERTYPE)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    name: &'static str,
    detail: Detail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    None,
    Query(&'static str),
    Memory(SegmentGroup),
    Feature(Feature),
}

impl Function {
    /// The function behind a request.
    pub fn of<R: Request>() -> Self {
        Self {
            name: R::FUNCTION,
            detail: Detail::None,
        }
    }

    /// The adapter query with data of this type.
    pub fn querying<Q: AdapterQuery>() -> Self {
        Self {
            detail: Detail::Query(Q::NAME),
            ..Self::of::<QueryAdapterInfo>()
        }
    }

    /// The query of the budget of one kind of memory.
    pub fn measuring(group: SegmentGroup) -> Self {
        Self {
            detail: Detail::Memory(group),
            ..Self::of::<QueryVideoMemoryInfo>()
        }
    }

    /// The query of statistics of one type.
    pub fn examining(what: StatisticsType) -> Self {
        Self {
            detail: Detail::Query(what.name()),
            ..Self::of::<QueryStatistics>()
        }
    }

    /// The query of a feature.
    pub fn probing(feature: Feature) -> Self {
        Self {
            detail: Detail::Feature(feature),
            ..Self::of::<IsFeatureEnabled>()
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        match self.detail {
            Detail::None => f.write_str(name),
            Detail::Query(query) => write!(f, "{name}({query})"),
            Detail::Memory(group) => write!(f, "{name}({group})"),
            Detail::Feature(feature) => write!(f, "{name}({feature})"),
        }
    }
}
