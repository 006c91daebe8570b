// SPDX-License-Identifier: GPL-2.0

//! The device node `/dev/dxg`.
//!
//! The kernel opens misc devices one at a time. So that a slow host does not block opening other
//! devices, opening the node never waits for the host: a file gets its process with the first
//! request, which waits for the adapters and for the host instead, and can be killed.

use crate::{
    ioctl,
    linux::pid::ThreadGroup,
    objects::process::{
        Process,
        Usage, //
    },
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
    new_mutex,
    prelude::*,
    seq_file::SeqFile,
    sync::{
        Arc,
        Mutex,
        SetOnce, //
    }, //
};

/// The name of the node.
pub(crate) const NAME: &CStr = c"dxg";

/// The permissions of the node: any user may open it.
pub(crate) const MODE: u16 = 0o666;

/// One of the opens of a process. Closes it when dropped.
struct Member {
    registry: Arc<Registry>,
    process: Arc<Process>,
}

impl Member {
    /// Opens the process object of the caller's thread group once more; waits for the host if the
    /// object is new.
    ///
    /// # Errors
    ///
    /// `EBADF` for any failure but a fatal signal: user libraries take it for "no GPU here".
    fn new(registry: &Arc<Registry>) -> Result<Self> {
        let process = registry.open_process().map_err(|error| match error {
            killed if killed == ERESTARTSYS => killed,
            _ => EBADF,
        })?;

        Ok(Self {
            registry: registry.clone(),
            process,
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.registry.close_process(&self.process);
    }
}

/// An open file of the node.
#[pin_data]
pub(crate) struct OpenFile {
    registry: Arc<Registry>,
    /// The thread group that has opened the file.
    group: ThreadGroup,
    /// The process of the file. Not set before the first request.
    member: SetOnce<Member>,
    /// Serialises setting `member`, and is held only for that.
    #[pin]
    filling: Mutex<()>,
}

impl OpenFile {
    fn new() -> Result<Pin<KBox<Self>>> {
        let registry = REGISTRY.get().ok_or(ENODEV)?;
        let group = ThreadGroup::current()?;

        // Fails early if it is known that there is no GPU.
        if registry.is_started() && !registry.has_host() {
            return Err(ENODEV);
        }

        KBox::pin_init(
            pin_init!(Self {
                registry,
                group,
                member: SetOnce::new(),
                filling <- new_mutex!((), "OpenFile::filling"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the process that the file belongs to.
    ///
    /// # Errors
    ///
    /// `ENOTTY` if the file has no process yet, and the caller's thread group has not opened it;
    /// those of [`Member::new`].
    fn process(&self) -> Result<&Arc<Process>> {
        match self.member.as_ref() {
            Some(member) => Ok(&member.process),
            None => self.first_request(),
        }
    }

    /// Sets the process of the file, after waiting for the adapters to be started.
    fn first_request(&self) -> Result<&Arc<Process>> {
        if !self.group.is_current() {
            return Err(ENOTTY);
        }
        self.registry.wait_started()?;

        let mut member = Some(Member::new(&self.registry)?);

        {
            let _filling = self.filling.lock();

            // Another thread may have set it first. The unused `member` is dropped after the lock
            // is released.
            if self.member.as_ref().is_none() {
                if let Some(member) = member.take() {
                    self.member.populate(member);
                }
            }
        }
        drop(member);
        self.member
            .as_ref()
            .map(|member| &member.process)
            .ok_or(EBADF)
    }
}

#[vtable]
impl MiscDevice for OpenFile {
    type Ptr = Pin<KBox<Self>>;

    /// Opens the node. Any failure is `EBADF`: user libraries take it for "no GPU here".
    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Pin<KBox<Self>>> {
        Self::new().map_err(|_| EBADF)
    }

    /// Handles a request, also of 32-bit programs: all arguments have the same layout there.
    fn ioctl(this: Pin<&Self>, _file: &File, request: u32, address: usize) -> Result<isize> {
        let this = this.get_ref();

        ioctl::dispatch(&this.registry, || this.process(), request, address)
    }

    /// Shows the usage of the process that has opened the file, independent of the reader and of
    /// whether this file was used yet.
    fn show_fdinfo(this: Pin<&Self>, to: &SeqFile, _file: &File) {
        let this = this.get_ref();
        let usage = match this.member.as_ref() {
            Some(member) => member.process.usage(),
            None => this
                .registry
                .find_process(&this.group)
                .map_or_else(Usage::default, |process| process.usage()),
        };

        usage.show(to);
    }
}
