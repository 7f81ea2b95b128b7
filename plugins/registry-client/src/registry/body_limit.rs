//! The size of request bodies that a registry, or a proxy in front of it, accepts.
//!
//! A blob is one request until a size is refused. Then parts are tried, each half as large as the one that was refused,
//! until one is accepted; that size is used for the rest of the run and noted for the next ones. The pipeline may also
//! name it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use sealift_core::{
    Bytes,
    cache::{Cache, Namespace},
};
use tokio::sync::OnceCell;

/// The largest part that is tried.
const LARGEST: u64 = 64 << 20;
/// The smallest part that is tried. nginx accepts 1 MiB if it is not told otherwise.
const SMALLEST: u64 = 512 << 10;
/// A noted limit is believed for so many days, because it may have been raised since.
const DAYS: u64 = 30;

/// The limit of one registry.
pub(crate) struct BodyLimit {
    /// The key of the note.
    key: String,
    notes: Cache,
    /// Set when the note was looked for.
    recalled: OnceCell<()>,
    state: Mutex<BodyLimitState>,
}

struct BodyLimitState {
    /// The size of a part; none: a blob is one request.
    part: Option<u64>,
    /// True if a part of that size was accepted, or is said to be.
    is_proven: bool,
    /// The smallest size that was refused.
    refused: u64,
    /// True if that is known from an answer, and not from connections that were cut.
    was_told: bool,
    /// Connections that were cut in a row, with nothing stored.
    cuts: u32,
    /// Uploads in a row whose parts were not accepted.
    failures: u32,
    /// True if the registry does not accept parts.
    whole_only: bool,
}

impl BodyLimit {
    /// Returns the limit of the registry `name`; `part` is the size that the pipeline names.
    pub(crate) fn new(name: &str, part: Option<u64>, notes: Cache) -> Self {
        let state = BodyLimitState {
            part,
            is_proven: part.is_some(),
            refused: u64::MAX,
            was_told: true,
            cuts: 0,
            failures: 0,
            whole_only: false,
        };
        let recalled = part.map_or_else(OnceCell::new, |_| OnceCell::new_with(Some(())));
        Self { key: format!("{name} body limit"), notes, recalled, state: Mutex::new(state) }
    }

    /// Returns the size of the parts of a blob; none if it is one request. No part but the last is smaller than `least`,
    /// unless larger ones were refused.
    pub(crate) async fn part(&self, least: u64) -> Option<u64> {
        let recall = || async {
            if let Some(noted) = self.notes.get(Namespace::Hosts, &self.key).await.as_deref().and_then(read) {
                let mut state = self.state();
                (state.part, state.is_proven) = (Some(noted), true);
            }
        };
        self.recalled.get_or_init(recall).await;
        let state = self.state();
        let part = state.part.filter(|_| !state.whole_only)?;
        let wanted = part.max(least);
        Some(if wanted < state.refused { wanted } else { part })
    }

    /// Returns true if it is known that parts of this size are accepted.
    pub(crate) fn is_proven(&self) -> bool {
        self.state().is_proven
    }

    /// Notes that a body of `size` was refused. Returns true if a smaller one is worth trying.
    pub(crate) fn refuse(&self, size: u64) -> bool {
        self.state().refuse(size)
    }

    /// Notes that the connection was cut while a body of `size` was sent, and that nothing of it was stored. From the
    /// second time in a row on that counts as a refusal, because some proxies refuse in this way. Returns true if it does.
    pub(crate) fn cut(&self, size: u64) -> bool {
        let mut state = self.state();
        state.cuts += 1;
        let is_refusal = state.cuts > 1 && !state.is_proven && state.refuse(size);
        state.was_told &= !is_refusal;
        is_refusal
    }

    /// Notes that a part of `size` was accepted.
    pub(crate) async fn accept(&self, size: u64) {
        if self.state().accept(size) {
            self.notes.put(Namespace::Hosts, &self.key, format!("{size} {}", today())).await;
        }
    }

    /// Notes that the registry did not accept a part of any size, or loses parts. Returns true if the blob is
    /// worth sending again, in parts or whole.
    pub(crate) async fn fail(&self, is_certain: bool) -> bool {
        let (whole_only, refused) = {
            let mut state = self.state();
            state.failures += 1;
            state.whole_only |= is_certain || state.failures > 1;
            (state.whole_only, state.refused)
        };
        if whole_only {
            self.notes.put(Namespace::Hosts, &self.key, Bytes::new()).await;
        }
        !whole_only || refused == u64::MAX
    }

    /// Notes that a blob arrived whole.
    pub(crate) fn complete(&self) {
        self.state().failures = 0;
    }

    fn state(&self) -> MutexGuard<'_, BodyLimitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyLimitState {
    /// Notes that a part of `size` was accepted. Returns true if that is worth a note for later runs.
    fn accept(&mut self, size: u64) -> bool {
        self.cuts = 0;
        self.part == Some(size) && !std::mem::replace(&mut self.is_proven, true) && self.was_told
    }

    fn refuse(&mut self, size: u64) -> bool {
        self.refused = self.refused.min(size);
        let smaller = self.refused.saturating_sub(1).checked_ilog2().map(|bits| 1 << bits).unwrap_or_default();
        if self.whole_only || smaller < SMALLEST {
            return false;
        }
        // Another upload may have found a smaller one meanwhile.
        if self.part.is_none_or(|part| part >= self.refused) {
            (self.part, self.is_proven, self.was_told) = (Some(smaller.min(LARGEST)), false, true);
        }
        true
    }
}

/// Reads a note: the size of a part, and the day on which it was accepted.
fn read(note: &[u8]) -> Option<u64> {
    let (size, day) = std::str::from_utf8(note).ok()?.split_once(' ')?;
    let (size, day): (u64, u64) = (size.parse().ok()?, day.parse().ok()?);
    (size >= SMALLEST && today().saturating_sub(day) <= DAYS).then_some(size)
}

fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn limit(part: Option<u64>) -> BodyLimit {
        BodyLimit::new("r.io", part, Cache::default())
    }

    #[tokio::test]
    async fn a_size_that_fits_is_found_by_halving() {
        let limit = limit(None);
        assert_eq!(limit.part(0).await, None);
        let mut tried = vec![300 * MIB];
        while *tried.last().unwrap() > 5 * MIB {
            assert!(limit.refuse(*tried.last().unwrap()));
            tried.push(limit.part(0).await.unwrap());
        }
        assert_eq!(tried.iter().map(|size| size / MIB).collect::<Vec<_>>(), [300, 64, 32, 16, 8, 4]);
        assert!(!limit.is_proven());
        limit.accept(4 * MIB).await;
        assert!(limit.is_proven());
        // An upload that began before with a larger part changes nothing.
        assert!(limit.refuse(16 * MIB));
        assert_eq!((limit.part(0).await, limit.is_proven()), (Some(4 * MIB), true));
    }

    #[tokio::test]
    async fn what_is_refused_in_small_is_refused() {
        assert!(!limit(None).refuse(256 << 10));
        assert!(!limit(None).refuse(0));
        let limit = limit(None);
        assert!(limit.refuse(MIB));
        assert_eq!(limit.part(0).await, Some(512 << 10), "a body of 1 MiB was refused");
    }

    #[tokio::test]
    async fn a_registry_may_want_larger_parts_but_not_larger_than_what_was_refused() {
        let limit = limit(Some(4 * MIB));
        assert_eq!((limit.part(5 * MIB).await, limit.part(u64::MAX - 1).await), (Some(5 * MIB), Some(u64::MAX - 1)));
        assert!(limit.refuse(5 * MIB));
        assert_eq!(limit.part(5 * MIB).await, Some(4 * MIB));
    }

    #[tokio::test]
    async fn two_cuts_in_a_row_count_as_a_refusal() {
        let limit = limit(None);
        assert!(!limit.cut(8 * MIB));
        assert_eq!(limit.part(0).await, None);
        assert!(limit.cut(8 * MIB) && limit.cut(4 * MIB));
        assert_eq!(limit.part(0).await, Some(2 * MIB));
        limit.accept(2 * MIB).await;
        assert!(!limit.cut(2 * MIB) && !limit.cut(2 * MIB));
        assert_eq!(limit.part(0).await, Some(2 * MIB), "a size that was accepted is not too large");
    }

    #[tokio::test]
    async fn a_registry_that_takes_no_parts_gets_the_whole_unless_that_was_refused() {
        let configured = limit(Some(MIB));
        assert!(configured.fail(false).await);
        assert_eq!(configured.part(0).await, Some(MIB), "once may be chance");
        assert!(configured.fail(false).await);
        assert_eq!(configured.part(0).await, None);
        let learned = limit(None);
        assert!(learned.refuse(9 * MIB));
        assert!(!learned.fail(true).await);
    }

    #[test]
    fn a_note_that_is_old_or_nonsense_is_none() {
        let day = today();
        assert_eq!(read(format!("1048576 {day}").as_bytes()), Some(MIB));
        for note in ["", "1048576", "1 20000", "-5 20000", &format!("1048576 {}", day - 31), "x y", "1048576 x"] {
            assert_eq!(read(note.as_bytes()), None, "{note}");
        }
    }
}
