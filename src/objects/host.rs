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

/// How the IO-space window is aligned.
const WINDOW_ALIGN: u64 = 64 * 1024;

/// The way to the host, for those who outlive the channel.
#[derive(Clone)]
pub(crate) struct HostAccess {
    /// For messages to the host.
    pub(crate) link: Link,
    /// Where the host shows its memory.
    pub(crate) window: Arc<IoWindow>,
    /// Who is to be told when the channel is lost.
    pub(crate) loss_notifiers: Arc<NotifierList>,
    /// Who is to be told when it is closed: the host has forgotten all processes then.
    pub(crate) closed_notifiers: Arc<NotifierList>,
}

/// The open global channel, and the window the host was given for its memory. The window goes back
/// to the bus when the channel was closed, and nobody sees anything in it.
pub(crate) struct Host {
    access: HostAccess,
    end: Arc<HostEnd>,
    teardown: Arc<OwnedQueue>,
}

/// What remains to be done when the global channel is lost. A worker does it: memory of programs may
/// be a lot, and whoever takes a channel away must not wait for it.
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
    /// Opens the channel of `offer` and announces the window. Waits for the host as long as it takes.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the host wants no window; what opening the channel, reserving addresses and
    /// the host say. Then the channel is closed.
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

        // Any success is one. A late one, too.
        Told::count(|| link.call(HostProcess::GUEST, command, WaitMode::Unbounded)).map(drop)
    }

    /// The way to the host.
    pub(crate) fn access(&self) -> &HostAccess {
        &self.access
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Nobody may see what the host, once it knows, uses for something else.
        self.access.window.close();
        self.access.loss_notifiers.on_loss();
        // It was never queued before.
        let _ = self.teardown.enqueue(self.end.clone());
    }
}
