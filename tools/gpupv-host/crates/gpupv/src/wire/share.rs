// SPDX-License-Identifier: GPL-2.0
//! What processes share.

use zerocopy::byteorder::little_endian::{U32, U64};

use super::message::messages;
use super::CommandHeader;

messages! {
    /// OPENSYNCOBJECT.
    "dxgkvmb_command_opensyncobject" OpenSyncObject {
        hdr: CommandHeader,
        device: U32,
        global_sync_object: U32,
        engine_affinity: U32,
        flags: U32,
    }

    /// The answer to [`OpenSyncObject`].
    "dxgkvmb_command_opensyncobject_return" OpenSyncObjectReturn {
        sync_object: U32,
        status: U32,
        gpu_virtual_address: U64,
        guest_cpu_physical_address: U64,
    }

    /// DESTROYSYNCOBJECT.
    "dxgkvmb_command_destroysyncobject" DestroySyncObject {
        hdr: CommandHeader,
        sync_object: U32,
        padding: U32,
    }

    /// CREATENTSHAREDOBJECT; the answer is the handle.
    "dxgkvmb_command_createntsharedobject" CreateNtSharedObject {
        hdr: CommandHeader,
        object: U32,
        padding: U32,
    }

    /// DESTROYNTSHAREDOBJECT.
    "dxgkvmb_command_destroyntsharedobject" DestroyNtSharedObject {
        hdr: CommandHeader,
        shared_handle: U32,
        padding: U32,
    }

    /// SHAREOBJECTWITHHOST.
    "dxgkvmb_command_shareobjectwithhost" ShareObjectWithHost {
        hdr: CommandHeader,
        device_handle: U32,
        object_handle: U32,
        reserved: U64,
    }

    /// The answer to [`ShareObjectWithHost`].
    "dxgkvmb_command_shareobjectwithhost_return" ShareObjectWithHostReturn {
        status: U32,
        alignment: U32,
        vail_nt_handle: U64,
    }
}
