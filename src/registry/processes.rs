// SPDX-License-Identifier: GPL-2.0

//! The processes that have `/dev/dxg` open: one object per thread group, with a count of its opens.
//!
//! Takes `Registry::processes`, and under it `Process::adapters`. No lock is held while waiting for
//! the host.

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

/// The process objects, by the key of their thread group.
pub(super) struct Processes {
    members: RBTree<usize, Member>,
    last_cookie: u64,
}

impl Processes {
    /// Creates an empty set.
    pub(super) fn new() -> Self {
        Self {
            members: RBTree::new(),
            last_cookie: 0,
        }
    }

    /// Returns the entry of `process`, unless another object has replaced it.
    fn member(&mut self, process: &Arc<Process>) -> Option<&mut Member> {
        self.members
            .get_mut(&process.key())
            .filter(|member| Arc::ptr_eq(&member.process, process))
    }

    /// Removes the entry of `process`, unless another object has replaced it.
    fn remove(&mut self, process: &Arc<Process>) -> Option<Member> {
        self.member(process)?;
        self.members.remove(&process.key())
    }
}

impl Registry {
    /// Returns the process object of the caller's thread group, with one more open. Creates it if
    /// there is none, and waits for the host then.
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

    /// Finds or creates the process object of the caller; returns whether it was created.
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

    /// Returns the process object of a thread group, if there is one.
    pub(crate) fn find_process(&self, group: &ThreadGroup) -> Option<Arc<Process>> {
        let processes = self.processes.lock();

        Some(processes.members.get(&group.key())?.process.clone())
    }

    /// Removes a process that the host has refused to create. The next request tries again with a
    /// new one.
    fn strike_process(&self, process: &Arc<Process>) {
        let struck = self.processes.lock().remove(process);

        // Dropped after the lock is released.
        drop(struck);
    }

    /// Takes back one open. After the last one a worker tears the process down. May sleep, but does
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
            // Cannot fail: the item was never queued before, as the last close happens only once.
            let _ = self.driver_data.teardown.enqueue(member.process);
        }
    }

    /// Ends every process on the host, by workers that wait for the host at most `silence`
    /// milliseconds at a time. Some processes are left out if there is no memory.
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

    /// Returns the process that has `number` in the caller's pid namespace, of any user. It may be
    /// torn down at the same time: a caller that only queries it does not delay that.
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

    /// Returns the process id, in the initial pid namespace, of the process with the host's
    /// `handle`.
    pub(super) fn number_of(&self, handle: u32) -> Option<u32> {
        self.processes
            .lock()
            .members
            .values()
            .map(|member| &member.process)
            .find(|process| process.is_called(handle))
            .map(|process| process.number())
    }

    /// Returns the process ids, in the caller's pid namespace, of the processes of that namespace
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
