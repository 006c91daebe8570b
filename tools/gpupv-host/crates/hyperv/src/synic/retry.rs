// SPDX-License-Identifier: GPL-2.0
//! When to try again to deliver a message: at the guest's end-of-message report, or after a pause.
//!
//! The report is a hint that can be missing or spurious, so the pause alone must suffice. One thread
//! serves all virtual processors. A processor's report is watched only while messages wait for it:
//! every channel interrupt would wake the thread otherwise.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::EventFd;

/// Marks the event that wakes the thread for a new deadline, or to end.
const WAKE: u64 = u64::MAX;

/// What the thread waits for.
pub(crate) struct Retry {
    epoll: Epoll,
    wake: EventFd,
    /// By processor: where its end-of-message reports arrive.
    reports: Vec<EventFd>,
    state: Mutex<State>,
}

struct State {
    /// By processor: when to try again.
    deadlines: Vec<Option<Instant>>,
    ended: bool,
}

impl Retry {
    /// Prepares for the processors whose end-of-message reports arrive at `reports`.
    pub(crate) fn new(reports: Vec<EventFd>) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let wake = EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC)?;
        epoll.ctl(
            ControlOperation::Add,
            wake.as_raw_fd(),
            EpollEvent::new(EventSet::IN, WAKE),
        )?;
        for (vp, report) in (0u64..).zip(&reports) {
            epoll.ctl(
                ControlOperation::Add,
                report.as_raw_fd(),
                EpollEvent::new(EventSet::ONE_SHOT, vp),
            )?;
        }
        let deadlines = vec![None; reports.len()];
        Ok(Self {
            epoll,
            wake,
            reports,
            state: Mutex::new(State {
                deadlines,
                ended: false,
            }),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `vp` tried again at its next report, or after `pause`.
    pub(crate) fn arm(&self, vp: u32, pause: Duration) {
        let index = vp as usize;
        let Some(report) = self.reports.get(index) else {
            return;
        };
        self.state().deadlines[index] = Some(Instant::now() + pause);
        let event = EpollEvent::new(EventSet::IN | EventSet::ONE_SHOT, u64::from(vp));
        if let Err(error) = self
            .epoll
            .ctl(ControlOperation::Modify, report.as_raw_fd(), event)
        {
            // The pause remains.
            log::warn!("cannot watch for the end of a message: {error}");
        }
        self.wake();
    }

    /// Ends [`Retry::run`].
    pub(crate) fn end(&self) {
        self.state().ended = true;
        self.wake();
    }

    fn wake(&self) {
        if let Err(error) = self.wake.write(1) {
            log::error!("cannot wake the message thread: {error}");
        }
    }

    /// The thread: calls `flush` for each processor that is due, until [`Retry::end`].
    pub(crate) fn run(&self, mut flush: impl FnMut(u32)) {
        let mut events = [EpollEvent::default(); 16];
        while let Some(timeout) = self.timeout() {
            let count = match self.epoll.wait(timeout, &mut events) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => {
                    log::error!("the message thread cannot wait: {error}");
                    return;
                }
            };
            for event in &events[..count] {
                match event.data() {
                    WAKE => drop(self.wake.read()),
                    // CAST: the data that `new` and `arm` gave.
                    vp => {
                        drop(self.reports[vp as usize].read());
                        self.state().deadlines[vp as usize] = None;
                        flush(vp as u32);
                    }
                }
            }
            for vp in self.due() {
                flush(vp);
            }
        }
    }

    /// Milliseconds until the next deadline, -1 for none; `None` when the thread shall end.
    fn timeout(&self) -> Option<i32> {
        let state = self.state();
        if state.ended {
            return None;
        }
        let next = state.deadlines.iter().flatten().min();
        Some(next.map_or(-1, |deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            // Rounded up: waking early would only make it wait again.
            i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
        }))
    }

    fn due(&self) -> Vec<u32> {
        let now = Instant::now();
        let mut state = self.state();
        (0u32..)
            .zip(&mut state.deadlines)
            .filter_map(|(vp, deadline)| {
                let due = deadline.is_some_and(|deadline| deadline <= now);
                due.then(|| *deadline = None).map(|()| vp)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::sync::Arc;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn start() -> (
        Arc<Retry>,
        Vec<EventFd>,
        mpsc::Receiver<u32>,
        std::thread::JoinHandle<()>,
    ) {
        let reports: Vec<_> = (0..2)
            .map(|_| EventFd::new(libc::EFD_NONBLOCK).unwrap())
            .collect();
        let ours = reports
            .iter()
            .map(|report| report.try_clone().unwrap())
            .collect();
        let retry = Arc::new(Retry::new(reports).unwrap());
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn({
            let retry = retry.clone();
            move || retry.run(|vp| sender.send(vp).unwrap())
        });
        (retry, ours, receiver, thread)
    }

    #[test]
    fn a_report_or_a_pause_leads_to_another_try() {
        let (retry, reports, tries, thread) = start();
        retry.arm(1, Duration::from_millis(1));
        assert_eq!(tries.recv_timeout(LONG), Ok(1));

        retry.arm(0, LONG);
        reports[0].write(1).unwrap();
        assert_eq!(tries.recv_timeout(LONG), Ok(0));

        retry.end();
        thread.join().unwrap();
    }

    #[test]
    fn reports_are_watched_only_while_somebody_waits() {
        let (retry, reports, tries, thread) = start();
        reports[0].write(1).unwrap();
        retry.arm(1, Duration::from_millis(20));
        assert_eq!(
            tries.recv_timeout(LONG),
            Ok(1),
            "processor 0 has nothing to deliver"
        );
        assert!(tries.try_recv().is_err());
        retry.end();
        thread.join().unwrap();
    }
}
