// SPDX-License-Identifier: GPL-2.0

//! The global channel: one per virtual machine, opened when the first adapter needs it.

use super::{
    driver_data::DriverData,
    io_window::IoWindow,
    notifier_list::NotifierList, //
};
use crate::{
    linux::{
        channel::Offer,
        queue::OwnedQueue,
        wait::WaitMode, //
    },
    message::{
        global::SetIoSpaceRegion,
        Link,
        Told, //
    },
    transport::HostTransport,
    wire::{
        Envelope,
        HostProcess,
        InterfaceVersion,
        Luid, //
    },
};
use kernel::{
    impl_has_work,
    new_work,
    prelude::*,
    sync::Arc,
    workqueue::{
        Work,
        WorkItem, //
    }, //
};

/// The alignment of the IO space window, in bytes.
const WINDOW_ALIGN: u64 = 64 * 1024;

/// Access to the host over the global channel. It may outlive the channel.
#[derive(Clone)]
pub(crate) struct HostAccess {
    /// The link for messages to the host.
    pub(crate) link: Link,
    /// The window in which the host maps its memory.
    pub(crate) window: Arc<IoWindow>,
    /// The notifiers called when the channel is lost.
    pub(crate) loss_notifiers: Arc<NotifierList>,
    /// The notifiers called when the channel is closed. The host has destroyed all processes by
    /// then.
    pub(crate) closed_notifiers: Arc<NotifierList>,
}

/// The open global channel, and the window that the host was given for its memory. The window is
/// returned to the bus when the channel is closed and no mapping of it is left.
pub(crate) struct Host {
    access: HostAccess,
    end: Arc<HostEnd>,
    teardown: Arc<OwnedQueue>,
}

/// The work that closes the global channel when it is lost. It runs in a worker: unpinning memory
/// of programs may take long, and the thread that removes the channel must not wait for it.
#[pin_data]
struct HostEnd {
    access: HostAccess,
    #[pin]
    work: Work<HostEnd>,
}

impl_has_work! {
    impl HasWork<Self> for HostEnd { self.work }
}

impl WorkItem for HostEnd {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.access.link.close();
        this.access.closed_notifiers.on_loss();
    }
}

impl Host {
    /// Opens the channel of `offer` and announces the window. Waits for the host without a time
    /// limit.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the host wants no window; the errors of opening the channel, of reserving
    /// addresses and of the host. The channel is closed then.
    pub(crate) fn open(
        offer: &Arc<Offer>,
        version: InterfaceVersion,
        driver_data: &DriverData,
    ) -> Result<Self> {
        let size = u64::from(offer.mmio_megabytes()) << 20;

        if size == 0 {
            return Err(ENODEV);
        }

        let transport = Told::count(|| {
            HostTransport::open(
                offer,
                Some(driver_data.host_events.clone()),
                driver_data.on_broken,
                driver_data.queues(),
            )
        })?;
        let envelope = Envelope {
            version,
            vgpu: Luid::default(),
        };
        let link = Link::new(transport.clone(), envelope).inspect_err(|_| transport.close())?;
        let loss_notifiers = NotifierList::new().inspect_err(|_| link.close())?;
        let closed_notifiers = NotifierList::new().inspect_err(|_| link.close())?;
        let window = offer
            .allocate_mmio(size, WINDOW_ALIGN)
            .inspect_err(|_| {
                pr_warn!(
                    "no room for the IO window of {} MiB: give this virtual machine more MMIO space\n",
                    offer.mmio_megabytes()
                )
            })
            .and_then(IoWindow::new)
            .and_then(|window| Self::announce(&link, &window).map(|()| window))
            .inspect_err(|_| link.close())?;

        let access = HostAccess {
            link: link.clone(),
            window,
            loss_notifiers,
            closed_notifiers,
        };
        let for_end = access.clone();
        let end = Arc::pin_init(
            pin_init!(HostEnd {
                access: for_end,
                work <- new_work!("HostEnd::work"),
            }),
            GFP_KERNEL,
        )
        .inspect_err(|_| link.close())?;

        Ok(Self {
            access,
            end,
            teardown: driver_data.teardown.clone(),
        })
    }

    fn announce(link: &Link, window: &IoWindow) -> Result {
        let command = SetIoSpaceRegion {
            start: window.start(),
            length: window.length(),
        };

        // Any success code counts as success, even if the reply is late.
        Told::count(|| link.call(HostProcess::GUEST, command, WaitMode::Unbounded)).map(drop)
    }

    /// Returns the access to the host.
    pub(crate) fn access(&self) -> &HostAccess {
        &self.access
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Mappings must be revoked before the host is told and reuses the memory.
        self.access.window.close();
        self.access.loss_notifiers.on_loss();
        // Cannot fail: the item was never queued before.
        let _ = self.teardown.enqueue(self.end.clone());
    }
}
