// SPDX-License-Identifier: GPL-2.0

//! The global channel: one per virtual machine, opened when the first adapter needs it.

use crate::{
    linux::{
        channel::Offer,
        mmio::MmioRange,
        queue::OwnedQueue, //
    },
    message::{
        global::SetIoSpaceRegion,
        Link, //
    },
    transport::{
        HostTransport,
        START_PATIENCE, //
    },
    wire::{
        Envelope,
        HostProcess,
        InterfaceVersion,
        Luid, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// How the IO-space window is aligned.
const WINDOW_ALIGN: u64 = 64 * 1024;

/// The open global channel, and the window the host was given for its memory.
pub(crate) struct Host {
    link: Link,
    /// Given back to the bus after the channel was closed.
    _window: MmioRange,
}

impl Host {
    /// Opens the channel of `offer` and announces the window.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the host wants no window; what opening the channel, reserving addresses and
    /// the host say. Then the channel is closed.
    pub(crate) fn open(
        offer: &Arc<Offer>,
        version: InterfaceVersion,
        queue: Arc<OwnedQueue>,
    ) -> Result<Self> {
        let size = u64::from(offer.mmio_megabytes()) << 20;

        if size == 0 {
            return Err(ENODEV);
        }

        let transport = HostTransport::open(offer, queue)?;
        let envelope = Envelope {
            version,
            vgpu: Luid::default(),
        };
        let link = Link::new(transport.clone(), envelope).inspect_err(|_| transport.close())?;
        let window = offer
            .allocate_mmio(size, WINDOW_ALIGN)
            .and_then(|window| Self::announce(&link, &window).map(|()| window))
            .inspect_err(|_| link.close())?;

        Ok(Self {
            link,
            _window: window,
        })
    }

    fn announce(link: &Link, window: &MmioRange) -> Result {
        let command = SetIoSpaceRegion {
            start: window.start(),
            length: window.size(),
        };

        // Any success is one.
        link.call(HostProcess::GUEST, command, START_PATIENCE)
            .map(drop)
    }

    /// For messages to the host.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.link.close();
    }
}
