//! The rest of a project's quota, and what this run takes of it.
//!
//! Harbor learns how large a blob is when it has all of its bytes, and refuses it then. What a run sends is known
//! beforehand, so a blob that will be refused is not sent.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sealift_core::content::{Descriptor, Digest};

/// The rest of a quota at the first look, and what was taken of it since.
#[derive(Debug)]
pub(crate) struct RemainingQuota {
    limit: u64,
    used: u64,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    bytes: u64,
    /// The bytes taken for each blob, 0 for one that was there before. A project counts a blob once, in however
    /// many of its repositories it is.
    blobs: HashMap<Digest, u64>,
}

/// The reason why something does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom {
    /// The bytes that do not fit.
    pub(crate) needs: u64,
    /// The quota, in bytes.
    pub(crate) limit: u64,
    /// The bytes used before this run.
    pub(crate) used: u64,
    /// The bytes that this run sent or is sending.
    pub(crate) taken: u64,
}

impl NoRoom {
    /// Returns the bytes that are left.
    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used).saturating_sub(self.taken)
    }
}

impl RemainingQuota {
    pub(crate) fn new(limit: u64, used: u64) -> Self {
        Self { limit, used, taken: Mutex::default() }
    }

    /// Returns the bytes that were left at the first look.
    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// Takes a place for a blob, all of it or none. One of unknown size takes none.
    pub(crate) fn take(&self, item: &Descriptor) -> Result<(), NoRoom> {
        let mut taken = self.taken();
        let size = item.known_size().unwrap_or(0);
        if taken.blobs.contains_key(&item.digest) {
            return Ok(());
        }
        self.look(&taken, size)?;
        taken.bytes += size;
        taken.blobs.insert(item.digest.clone(), size);
        Ok(())
    }

    /// The project has a blob already, and counts it.
    pub(crate) fn has(&self, item: &Descriptor) {
        self.taken().blobs.entry(item.digest.clone()).or_insert(0);
    }

    /// Gives back what was taken for a blob that did not arrive.
    pub(crate) fn give_back(&self, item: &Descriptor) {
        let mut taken = self.taken();
        if let Some(size) = taken.blobs.remove(&item.digest) {
            taken.bytes -= size;
        }
    }

    /// Checks that all of these would fit, and takes nothing.
    pub(crate) fn fits<'d>(&self, blobs: impl IntoIterator<Item = &'d Descriptor>) -> Result<(), NoRoom> {
        let taken = self.taken();
        let new = blobs.into_iter().filter(|item| !taken.blobs.contains_key(&item.digest));
        self.look(&taken, new.filter_map(Descriptor::known_size).fold(0, u64::saturating_add))
    }

    fn look(&self, taken: &Taken, needs: u64) -> Result<(), NoRoom> {
        let why = NoRoom { needs, limit: self.limit, used: self.used, taken: taken.bytes };
        if needs <= why.left() { Ok(()) } else { Err(why) }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use sealift_core::content::well_known;

    use super::*;

    fn blob(name: &str, size: u64) -> Descriptor {
        Descriptor { size, ..Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, name.as_bytes()) }
    }

    #[test]
    fn what_is_taken_is_whole_and_what_did_not_arrive_has_its_place_again() {
        let room = RemainingQuota::new(1000, 400);
        assert_eq!(room.take(&blob("a", 500)), Ok(()));
        assert_eq!(room.take(&blob("b", 101)), Err(NoRoom { needs: 101, limit: 1000, used: 400, taken: 500 }));
        assert_eq!(room.take(&blob("c", 100)), Ok(()));
        room.give_back(&blob("a", 500));
        room.give_back(&blob("a", 500));
        assert_eq!(
            room.take(&blob("d", u64::MAX - 1)),
            Err(NoRoom { needs: u64::MAX - 1, limit: 1000, used: 400, taken: 100 })
        );
        assert_eq!(room.take(&blob("e", 500)), Ok(()));
    }

    #[test]
    fn a_blob_counts_once() {
        let room = RemainingQuota::new(1000, 400);
        assert_eq!((room.take(&blob("a", 500)), room.take(&blob("a", 500))), (Ok(()), Ok(())));
        assert_eq!(room.fits(&[blob("a", 500), blob("b", 100)]), Ok(()));
        let why = NoRoom { needs: 101, limit: 1000, used: 400, taken: 500 };
        assert_eq!(room.fits(&[blob("a", 500), blob("b", 101)]), Err(why));
    }

    #[test]
    fn what_the_project_has_already_takes_nothing_and_gives_nothing_back() {
        let room = RemainingQuota::new(1000, 900);
        room.has(&blob("base", 500));
        assert_eq!(room.fits(&[blob("base", 500), blob("a", 100)]), Ok(()));
        assert_eq!(room.take(&blob("base", 500)), Ok(()));
        room.give_back(&blob("base", 500));
        assert_eq!((room.take(&blob("a", 100)), room.take(&blob("b", 1)).is_err()), (Ok(()), true));
    }

    #[test]
    fn a_project_that_holds_more_than_it_may_has_no_room() {
        let why = NoRoom { needs: 1, limit: 100, used: 300, taken: 0 };
        assert_eq!(RemainingQuota::new(100, 300).take(&blob("a", 1)), Err(why));
    }
}
