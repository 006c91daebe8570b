// SPDX-License-Identifier: GPL-2.0

//! `/dev/dxg`.

use crate::{
    ioctl,
    objects::process::Process,
    registry::{
        Registry,
        REGISTRY, //
    },
};
use kernel::{
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    prelude::*,
    seq_file::SeqFile,
    sync::Arc, //
};

/// Name of the node.
pub(crate) const NAME: &CStr = c"dxg";

/// Everybody may open it.
pub(crate) const MODE: u16 = 0o666;

/// An open file: one of the opens of a process.
pub(crate) struct OpenFile {
    registry: Arc<Registry>,
    process: Arc<Process>,
}

impl OpenFile {
    fn new() -> Result<KBox<Self>> {
        let registry = REGISTRY.get().ok_or(ENODEV)?;
        let process = registry.open_process()?;

        Ok(KBox::new(Self { registry, process }, GFP_KERNEL_ACCOUNT)?)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.registry.close_process(&self.process);
    }
}

#[vtable]
impl MiscDevice for OpenFile {
    type Ptr = KBox<Self>;

    /// Any failure is `EBADF`: user libraries take it for "no GPU here".
    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<KBox<Self>> {
        Self::new().map_err(|_| EBADF)
    }

    /// Also for programs of 32 bits: all arguments are laid out alike.
    fn ioctl(this: &Self, _file: &File, request: u32, address: usize) -> Result<isize> {
        ioctl::dispatch(&this.registry, &this.process, request, address)
    }

    /// What the process has that opened the file, whoever looks.
    fn show_fdinfo(this: &Self, to: &SeqFile, _file: &File) {
        this.process.show_usage(to);
    }
}
