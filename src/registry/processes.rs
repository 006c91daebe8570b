// SPDX-License-Identifier: GPL-2.0

//! Who has `/dev/dxg` open: one process object per thread group, counted by its opens.
//!
//! Takes `Registry::processes`, and under it `Process::adapters`. The host is never waited for
//! under a lock.

use super::Registry;
use crate::{
    linux::{
        pid::ThreadGroup,
        wait::WaitMode, //
    },
    objects::{
        adapter::Adapter,
        process::Process, //
    },
};
use kernel::{
    prelude::*,
    rbtree::RBTree,
    sync::Arc, //
};

struct Member {
    process: Arc<Process>,
    opens: usize,
}

/// The process objects there are, by the identity of their thread group.
pub(super) struct Processes {
    members: RBTree<usize, Member>,
    last_cookie: u64,
}

impl Processes {
    /// Nobody.
    pub(super) fn new() -> Self {
        Self {
            members: RBTree::new(),
            last_cookie: 0,
        }
    }

    /// The entry of exactly this object. Another one may have taken its place.
    fn member(&mut self, process: &Arc<Process>) -> Option<&mut Member> {
        self.members
            .get_mut(&process.key())
            .filter(|member| Arc::ptr_eq(&member.process, process))
    }

    /// Takes the entry of exactly this object out.
    fn remove(&mut self, process: &Arc<Process>) -> Option<Member> {
        self.member(process)?;
        self.members.remove(&process.key())
    }
}

impl Registry {
    /// The process object of the caller's thread group, with one more open. Makes it if there is
    /// none; waits for the host then.
    ///
    /// # Errors
    ///
    /// `ENODEV` without a host, `ENOMEM`, and those of [`Process::create`] and
    /// [`Process::wait_created`].
    pub(crate) fn open_process(&self) -> Result<Arc<Process>> {
        let (process, made) = self.enter_process()?;
        let result = if made {
            process
                .create()
                .inspect_err(|_| self.strike_process(&process))
        } else {
            process
                .wait_created()
                .inspect_err(|_| self.close_process(&process))
        };

        result.map(|()| process)
    }

    /// Finds or enters the process object of the caller; says whether it was made.
    fn enter_process(&self) -> Result<(Arc<Process>, bool)> {
        let group = ThreadGroup::current()?;
        let host = self.host().ok_or(ENODEV)?;
        let mut processes = self.processes.lock();

        if let Some(member) = processes.members.get_mut(&group.key()) {
            member.opens += 1;
            return Ok((member.process.clone(), false));
        }
        processes.last_cookie += 1;

        let key = group.key();
        let process = Process::new(group, processes.last_cookie, host, self.driver_data.clone())?;
        let member = Member {
            process: process.clone(),
            opens: 1,
        };

        processes
            .members
            .try_create_and_insert(key, member, GFP_KERNEL)?;
        Ok((process, true))
    }

    /// The process object of a thread group, if it has one.
    pub(crate) fn find_process(&self, group: &ThreadGroup) -> Option<Arc<Process>> {
        let processes = self.processes.lock();

        Some(processes.members.get(&group.key())?.process.clone())
    }

    /// The host would not make the process: the next request tries again with a new one.
    fn strike_process(&self, process: &Arc<Process>) {
        let struck = self.processes.lock().remove(process);

        // Not under the lock.
        drop(struck);
    }

    /// Takes one open back. After the last one a worker tears the process down. May sleep, but does
    /// not wait for the host.
    pub(crate) fn close_process(&self, process: &Arc<Process>) {
        let last = {
            let mut processes = self.processes.lock();
            let Some(member) = processes.member(process) else {
                return;
            };

            member.opens -= 1;
            if member.opens > 0 {
                return;
            }
            processes.remove(process)
        };

        if let Some(member) = last {
            member.process.release_local();
            // It was never queued before: it can be closed for the last time only once.
            let _ = self.driver_data.teardown.enqueue(member.process);
        }
    }

    /// Has every process ended on the host, by workers that wait for it no longer than `silence`
    /// milliseconds at a time. For want of memory it hears nothing of some of them.
    pub(super) fn depart_processes(&self, silence: u32) {
        let mut all = KVVec::new();

        for member in self.processes.lock().members.values() {
            if all.push(member.process.clone(), GFP_KERNEL).is_err() {
                break;
            }
        }
        for process in all {
            let depart = move || process.depart(WaitMode::Timeout(silence));

            let _ = self.driver_data.teardown.try_spawn(GFP_KERNEL, depart);
        }
    }

    /// Finds the process that has `number` in the caller's pid namespace, whichever user's it is. It
    /// may be torn down meanwhile: nobody waits for who only asks about it.
    pub(crate) fn find_by_tgid(&self, number: u32) -> Option<Arc<Process>> {
        self.processes
            .lock()
            .members
            .values()
            .map(|member| &member.process)
            .find(|process| {
                process.tgid_in_current_ns() == Some(number) && process.on_host().is_ok()
            })
            .cloned()
    }

    /// The process id, in the initial namespace, of the process that the host calls `handle`.
    pub(super) fn number_of(&self, handle: u32) -> Option<u32> {
        self.processes
            .lock()
            .members
            .values()
            .map(|member| &member.process)
            .find(|process| process.is_called(handle))
            .map(|process| process.number())
    }

    /// The process ids, as the caller sees them, of the processes of the caller's pid namespace
    /// that have opened `adapter`.
    pub(crate) fn users_of(&self, adapter: &Arc<Adapter>) -> Result<KVVec<u32>> {
        let mut numbers = KVVec::new();
        let processes = self.processes.lock();

        for member in processes.members.values() {
            if !member.process.is_bound_to(adapter) {
                continue;
            }
            if let Some(number) = member.process.tgid_in_current_ns() {
                numbers.push(number, GFP_KERNEL_ACCOUNT)?;
            }
        }
        Ok(numbers)
    }
}
