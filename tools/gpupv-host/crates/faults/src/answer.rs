// SPDX-License-Identifier: GPL-2.0
//! What becomes of an answer, or of a message that the host sends by itself.

use std::time::Duration;

use vmbus::PacketFault;

use crate::clock::Due;

/// What a byte is that was not there.
const FILLER: u8 = 0xA5;

/// A number in an answer whose length is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// This one.
    At(u64),
    /// Any in the answer, drawn with this number.
    Drawn(u64),
}

impl Place {
    /// The place, where `count` are possible.
    fn among(self, count: usize) -> usize {
        match self {
            Self::At(place) => usize::try_from(place).unwrap_or(usize::MAX),
            // CAST: below a usize.
            Self::Drawn(number) => (number % (count as u64).max(1)) as usize,
        }
    }
}

/// What to do with an answer. Everything in it that is drawn has been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It comes later.
    Later(Due),
    /// It does not come.
    Drop,
    /// It comes twice.
    Twice,
    /// So many bytes are left of it.
    Truncate(Place),
    /// So many more bytes follow it.
    Extend(usize),
    /// It has these bytes there.
    Overwrite(Place, Vec<u8>),
    /// It names this request.
    Transaction(u64),
    /// The packet that it travels in is not right.
    Packet(PacketFault),
}

/// A change, and the name of the fault that it comes of.
pub(crate) type Named = (&'static str, Change);

/// An answer as it is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) transaction_id: u64,
    pub(crate) payload: Vec<u8>,
    /// How often it is sent.
    pub(crate) times: u32,
    /// What is wrong with the packets.
    pub(crate) packets: Vec<PacketFault>,
    /// When, if not now, and the fault that says so.
    pub(crate) later: Option<(&'static str, Due)>,
    /// The faults that had an effect, but for that one.
    pub(crate) done: Vec<&'static str>,
}

impl Changed {
    /// The answer `payload` to a request after all `changes`, in their order.
    pub(crate) fn new(transaction_id: u64, payload: &[u8], changes: Vec<Named>) -> Self {
        let mut changed = Self {
            transaction_id,
            payload: payload.to_vec(),
            times: 1,
            packets: Vec::new(),
            later: None,
            done: Vec::new(),
        };
        for (name, change) in changes {
            if changed.apply(name, change) {
                changed.done.push(name);
            }
        }
        changed
    }

    /// Makes one change. Returns whether it is done and changes anything.
    fn apply(&mut self, name: &'static str, change: Change) -> bool {
        let payload = &mut self.payload;
        match change {
            Change::Later(due) => {
                self.later = Some((name, latest(self.later, due)));
                false
            }
            Change::Packet(fault) => {
                // Whoever writes the packet counts it.
                self.packets.push(fault);
                false
            }
            Change::Drop => {
                self.times = 0;
                true
            }
            Change::Twice => {
                self.times *= 2;
                self.times > 0
            }
            Change::Truncate(length) => {
                let length = length.among(payload.len());
                let shorter = length < payload.len();
                payload.truncate(length);
                shorter
            }
            Change::Extend(length) => {
                payload.resize(payload.len() + length, FILLER);
                true
            }
            Change::Overwrite(offset, bytes) => {
                let offset = offset.among(payload.len());
                let Some(place) = payload.get_mut(offset..).filter(|place| !place.is_empty())
                else {
                    return false;
                };
                let len = place.len().min(bytes.len());
                place[..len].copy_from_slice(&bytes[..len]);
                true
            }
            Change::Transaction(id) => {
                let other = self.transaction_id != id;
                self.transaction_id = id;
                other
            }
        }
    }
}

/// The later of two times.
fn latest(before: Option<(&'static str, Due)>, due: Due) -> Due {
    match (before, due) {
        (None, due) => due,
        (Some((_, Due::After(a))), Due::After(b)) => Due::After(Duration::max(a, b)),
        _ => Due::PlanEnds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[Change]) -> Changed {
        let named = changes.iter().cloned().map(|change| ("x", change));
        Changed::new(7, &[1, 2, 3, 4], named.collect())
    }

    #[test]
    fn bytes_change_as_they_are_told_to() {
        for (change, expected, done) in [
            (Change::Truncate(Place::At(1)), vec![1], 1),
            (Change::Truncate(Place::At(0)), vec![], 1),
            (Change::Truncate(Place::At(4)), vec![1, 2, 3, 4], 0),
            (Change::Truncate(Place::Drawn(9)), vec![1], 1),
            (Change::Extend(2), vec![1, 2, 3, 4, FILLER, FILLER], 1),
            (
                Change::Overwrite(Place::At(1), vec![8, 9]),
                vec![1, 8, 9, 4],
                1,
            ),
            (
                Change::Overwrite(Place::At(3), vec![8, 9]),
                vec![1, 2, 3, 8],
                1,
            ),
            (
                Change::Overwrite(Place::At(4), vec![8]),
                vec![1, 2, 3, 4],
                0,
            ),
            (
                Change::Overwrite(Place::Drawn(6), vec![8]),
                vec![1, 2, 8, 4],
                1,
            ),
        ] {
            let changed = changed(std::slice::from_ref(&change));
            assert_eq!(changed.payload, expected, "{change:?}");
            assert_eq!(changed.done.len(), done, "{change:?}");
        }
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        let changes = [
            ("a", Change::Truncate(Place::Drawn(5))),
            ("b", Change::Overwrite(Place::Drawn(5), vec![1])),
        ];
        let changed = Changed::new(7, &[], changes.into());
        assert_eq!((changed.payload.len(), changed.done.len()), (0, 0));
    }

    #[test]
    fn changes_add_up() {
        let both = changed(&[Change::Twice, Change::Transaction(9), Change::Twice]);
        assert_eq!((both.times, both.transaction_id), (4, 9));
        assert_eq!(both.done.len(), 3);
        let none = changed(&[Change::Drop, Change::Twice]);
        assert_eq!((none.times, none.done.len()), (0, 1));
        let same = changed(&[Change::Transaction(7)]);
        assert_eq!((same.transaction_id, same.done.len()), (7, 0));
    }

    #[test]
    fn the_latest_time_counts() {
        let after = |ms| Change::Later(Due::After(Duration::from_millis(ms)));
        let longest = changed(&[after(5), after(9), after(3)]).later;
        assert_eq!(longest, Some(("x", Due::After(Duration::from_millis(9)))));
        let held = changed(&[after(5), Change::Later(Due::PlanEnds), after(9)]).later;
        assert_eq!(held, Some(("x", Due::PlanEnds)));
    }
}
