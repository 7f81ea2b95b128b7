//! What a project's quota leaves, and what this run takes of it.
//!
//! Harbor learns how large a blob is when it has all of its bytes, and refuses it then. What a run sends is known
//! beforehand, so a blob that will be refused is not sent.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was left when the project was looked at, and what was taken of it since.
#[derive(Debug)]
pub(crate) struct Room {
    limit: u64,
    used: u64,
    taken: AtomicU64,
}

/// Why something has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom {
    /// The quota, in bytes.
    pub(crate) limit: u64,
    /// What was used of it before this run.
    pub(crate) used: u64,
    /// What this run sent, or is sending.
    pub(crate) taken: u64,
}

impl Room {
    pub(crate) fn new(limit: u64, used: u64) -> Self {
        Self { limit, used, taken: AtomicU64::new(0) }
    }

    /// Takes a place for that many bytes, all of them or none.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), NoRoom> {
        let left = self.limit.saturating_sub(self.used);
        let more = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= left);
        match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(()),
            Err(taken) => Err(NoRoom { limit: self.limit, used: self.used, taken }),
        }
    }

    /// Gives back what was taken for something that did not arrive.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_whole_and_what_did_not_arrive_has_its_place_again() {
        let room = Room::new(1000, 400);
        assert_eq!(room.take(500), Ok(()));
        assert_eq!(room.take(101), Err(NoRoom { limit: 1000, used: 400, taken: 500 }));
        assert_eq!(room.take(100), Ok(()));
        room.give_back(500);
        assert_eq!(room.take(u64::MAX), Err(NoRoom { limit: 1000, used: 400, taken: 100 }));
        assert_eq!(room.take(500), Ok(()));
    }

    #[test]
    fn a_project_that_holds_more_than_it_may_has_no_room() {
        assert_eq!(Room::new(100, 300).take(1), Err(NoRoom { limit: 100, used: 300, taken: 0 }));
    }
}
