// SPDX-License-Identifier: GPL-2.0

//! `/dev/dxg`.
//!
//! The kernel opens misc devices one at a time. So that a host which takes its time keeps nobody
//! from opening other devices, opening the node never waits for it: a file gets its process with the
//! first request, which waits for the adapters and for the host instead, and can be killed.

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

/// Name of the node.
pub(crate) const NAME: &CStr = c"dxg";

/// Everybody may open it.
pub(crate) const MODE: u16 = 0o666;

/// One of the opens of a process.
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

/// An open file.
#[pin_data]
pub(crate) struct OpenFile {
    registry: Arc<Registry>,
    /// The thread group that has opened it.
    group: ThreadGroup,
    /// Empty until the first request.
    member: SetOnce<Member>,
    /// Held for the moment in which `member` is filled.
    #[pin]
    filling: Mutex<()>,
}

impl OpenFile {
    fn new() -> Result<Pin<KBox<Self>>> {
        let registry = REGISTRY.get().ok_or(ENODEV)?;
        let group = ThreadGroup::current()?;

        // Whoever opens the node is told at once where there is no GPU.
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

    /// The process that the file belongs to.
    ///
    /// # Errors
    ///
    /// `ENOTTY` if the file has no process yet, and the caller has not opened it; those of
    /// [`Member::new`].
    fn process(&self) -> Result<&Arc<Process>> {
        match self.member.as_ref() {
            Some(member) => Ok(&member.process),
            None => self.first_request(),
        }
    }

    /// Gives the file its process, as soon as the adapters are started.
    fn first_request(&self) -> Result<&Arc<Process>> {
        if !self.group.is_current() {
            return Err(ENOTTY);
        }
        self.registry.wait_started()?;

        let mut member = Some(Member::new(&self.registry)?);

        {
            let _filling = self.filling.lock();

            // Another thread may have been faster. What is left over is dropped after the lock.
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

    /// Any failure is `EBADF`: user libraries take it for "no GPU here".
    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Pin<KBox<Self>>> {
        Self::new().map_err(|_| EBADF)
    }

    /// Also for programs of 32 bits: all arguments are laid out alike.
    fn ioctl(this: Pin<&Self>, _file: &File, request: u32, address: usize) -> Result<isize> {
        let this = this.get_ref();

        ioctl::dispatch(&this.registry, || this.process(), request, address)
    }

    /// Shows what the process has that opened the file, whoever looks and whether this file was used
    /// yet.
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
