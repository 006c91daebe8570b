// SPDX-License-Identifier: GPL-2.0

//! What adapters and the device share: the driver, and who may call it.

use crate::{driver::Outcome, Driver, Errno, Error, Function, NtStatus, Result};

/// How often a list is read again because it had grown. More than a few times means that the
/// driver's idea of its length is wrong.
const LIST_ATTEMPTS: u32 = 16;

/// One open descriptor, shared by the [`Dxg`](crate::Dxg) and its adapters.
pub(crate) struct Connection {
    driver: Box<dyn Driver>,
    opened_by: u32,
}

impl Connection {
    /// A driver opened by the process with this id.
    pub(crate) fn new(driver: Box<dyn Driver>, opened_by: u32) -> Self {
        Self { driver, opened_by }
    }

    /// Makes a call and names the function in the error.
    pub(crate) fn call(
        &self,
        function: Function,
        call: impl FnOnce(&dyn Driver) -> Outcome,
    ) -> Result<NtStatus> {
        call(&*self.driver).map_err(|errno| self.error(function, errno))
    }

    /// As [`call`](Self::call), for functions that give something else than a status.
    pub(crate) fn give<T>(
        &self,
        function: Function,
        call: impl FnOnce(&dyn Driver) -> std::result::Result<T, Errno>,
    ) -> Result<T> {
        call(&*self.driver).map_err(|errno| self.error(function, errno))
    }

    /// As [`call`](Self::call), for functions that give data only with status 0.
    pub(crate) fn call_for_data(
        &self,
        function: Function,
        call: impl FnOnce(&dyn Driver) -> Outcome,
    ) -> Result<()> {
        match self.call(function, call)? {
            NtStatus::SUCCESS => Ok(()),
            status => Err(Error::NoData { function, status }),
        }
    }

    /// Reads a list whose length may change between two calls: with a buffer for `first` entries,
    /// then with a buffer of the size the driver asked for, until the list fits.
    ///
    /// `fill` makes one call and gives its outcome together with the length the driver named.
    pub(crate) fn list<T: Clone + Default>(
        &self,
        function: Function,
        first: usize,
        limit: usize,
        fill: impl Fn(&dyn Driver, &mut [T]) -> (Outcome, usize),
    ) -> Result<Vec<T>> {
        let mut room = first.min(limit);
        for _ in 0..LIST_ATTEMPTS {
            let mut entries = vec![T::default(); room];
            let (outcome, length) = fill(&*self.driver, &mut entries);
            match outcome {
                Ok(_) if length <= room => {
                    entries.truncate(length);
                    return Ok(entries);
                }
                // Some drivers report success and only the length when the list did not fit.
                Ok(_) | Err(Errno::EOVERFLOW) if room < limit => {
                    // A driver that does not say how much it needs must not keep us in place.
                    let needed = if length > room { length } else { 2 * room };
                    room = needed.clamp(1, limit);
                }
                Ok(_) => {
                    return Err(Error::Malformed {
                        function,
                        problem: format!("{length} entries announced, {limit} are possible"),
                    })
                }
                Err(errno) => return Err(self.error(function, errno)),
            }
        }
        Err(Error::Unsettled {
            function,
            attempts: LIST_ATTEMPTS,
        })
    }

    fn error(&self, function: Function, errno: Errno) -> Error {
        let caller = std::process::id();
        match errno {
            Errno::ENOTTY if caller != self.opened_by => Error::OtherProcess {
                function,
                opened_by: self.opened_by,
                caller,
            },
            _ => Error::Call { function, errno },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{testing::FakeDriver, uapi::adapter::EnumProcesses};

    const LIMIT: usize = 1000;

    /// One answer: how it went, and the length it named.
    type Filled = (Outcome, usize);
    /// How a driver tells that the list is longer than the room it got.
    type Tell = fn(room: usize, length: usize) -> Filled;

    fn list(first: usize, fill: impl Fn(&mut [u32]) -> Filled) -> Result<Vec<u32>> {
        let connection = Connection::new(Box::new(FakeDriver::default()), std::process::id());
        let function = Function::of::<EnumProcesses>();
        connection.list(function, first, LIMIT, |_, entries| fill(entries))
    }

    /// A driver with a list of this length that tells it by `tell`.
    fn filled(length: usize, tell: Tell) -> impl Fn(&mut [u32]) -> Filled {
        move |entries| match entries.get_mut(..length) {
            Some(entries) => {
                entries.fill(7);
                (Ok(NtStatus::SUCCESS), length)
            }
            None => tell(entries.len(), length),
        }
    }

    #[test]
    fn every_way_to_tell_a_length_leads_to_the_list() {
        let tellers: [Tell; 4] = [
            |_, length| (Err(Errno::EOVERFLOW), length),
            |_, length| (Ok(NtStatus::SUCCESS), length),
            // Drivers that tell nothing.
            |room, _| (Err(Errno::EOVERFLOW), room),
            |_, _| (Err(Errno::EOVERFLOW), 0),
        ];
        for tell in tellers {
            for length in [0, 1, 2, 999, LIMIT] {
                let entries = list(1, filled(length, tell)).unwrap();
                assert_eq!(entries, vec![7; length]);
            }
        }
    }

    #[test]
    fn lists_beyond_the_limit_are_errors() {
        let error = list(1, |_| (Ok(NtStatus::SUCCESS), LIMIT + 1)).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        let error = list(1, |_| (Err(Errno::EOVERFLOW), usize::MAX)).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EOVERFLOW));
    }

    #[test]
    fn other_errors_are_not_tried_again() {
        let calls = std::cell::Cell::new(0);
        let error = list(1, |_| {
            calls.set(calls.get() + 1);
            (Err(Errno::ENODEV), 5)
        })
        .unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ENODEV));
        assert_eq!(calls.get(), 1);
    }
}
