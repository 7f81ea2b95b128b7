//! Hashing in passing, two blobs at a time where there are two.
//!
//! A core hashes two blobs together in not much more than the time of one (`content/digest/pair.rs`). So a long chunk
//! goes on unhashed, and its blob is on offer here until another one comes with a chunk of its own and takes along what
//! the first one lacks. If nobody comes, a blob hashes alone what it lacks: when that becomes too much, or when a short
//! chunk or its end comes. Nothing else depends on when it is hashed: the last chunk of a blob is kept back until all
//! were (`blob.rs`). One blob at most is on offer. No partner is waited for, but one that is at work is, at the end and
//! where too much is lacking; that takes less than a millisecond. There is no thread and no task for all this.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, TryLockError, Weak},
};

use bytes::Bytes;

use crate::{
    content::{Digest, Hasher},
    lock::lock,
};

/// Chunks that are shorter are hashed at once.
const LONG: usize = 16 << 10;

/// Bytes that a blob may lack when it goes on; a partner that is at work may hold a chunk more.
const MOST: usize = 1 << 20;

/// The blob that is on offer.
static WAITING: Waiting = Waiting(Mutex::new(Weak::new()));

/// The hash of one blob.
pub(super) enum InPassing {
    /// Nobody else has to do with it.
    Alone(Hasher),
    /// Others may take its chunks along.
    Shared(Arc<Lane>),
}

impl InPassing {
    pub(super) fn new(hasher: Hasher) -> Self {
        Self::Alone(hasher)
    }

    /// Takes the next chunk; `last` if it is known that no other will come.
    pub(super) fn take(&mut self, chunk: &Bytes, last: bool) {
        let long = chunk.len() >= LONG && !last;
        match self {
            Self::Alone(hasher) if long && hasher.may_pair() => {
                let lane = Arc::new(Lane::new(hasher.clone()));
                lane.take(chunk.clone(), &WAITING);
                *self = Self::Shared(lane);
            }
            Self::Alone(hasher) => hasher.update(chunk),
            Self::Shared(lane) if long => lane.take(chunk.clone(), &WAITING),
            Self::Shared(lane) => lane.take_alone(chunk),
        }
    }

    /// The digest of all chunks.
    pub(super) fn finish(self) -> Digest {
        match self {
            Self::Alone(hasher) => hasher.finish(),
            Self::Shared(lane) => lane.finish(),
        }
    }
}

struct Waiting(Mutex<Weak<Lane>>);

impl Waiting {
    /// The one that waits, if that is another one; it then waits no longer.
    fn other(&self, than: &Arc<Lane>) -> Option<Arc<Lane>> {
        let mut waiting = lock(&self.0);
        let other = waiting.upgrade().filter(|other| !Arc::ptr_eq(other, than))?;
        *waiting = Weak::new();
        Some(other)
    }

    /// Lets one wait if it lacks something; no if another one waits already.
    fn put(&self, lane: &Arc<Lane>) -> bool {
        if lock(&lane.pending).is_empty() {
            return true;
        }
        let mut waiting = lock(&self.0);
        let taken =
            waiting.upgrade().is_some_and(|other| !Arc::ptr_eq(&other, lane) && !lock(&other.pending).is_empty());
        if !taken {
            *waiting = Arc::downgrade(lane);
        }
        !taken
    }
}

/// A hash, and the chunks that it lacks, in their order. Only the blob itself adds one at the end; only who holds the
/// hash takes them from the front, and puts there what it could not use.
pub(super) struct Lane {
    hasher: Mutex<Hasher>,
    pending: Mutex<VecDeque<Bytes>>,
}

impl Lane {
    fn new(hasher: Hasher) -> Self {
        Self { hasher: Mutex::new(hasher), pending: Mutex::default() }
    }

    /// The chunk that is hashed next.
    fn next(&self) -> Option<Bytes> {
        lock(&self.pending).pop_front()
    }

    /// Whether so much is not hashed that no more may come.
    fn is_full(&self) -> bool {
        lock(&self.pending).iter().map(Bytes::len).sum::<usize>() > MOST
    }

    /// Takes a chunk, and hashes it together with that of another blob if one waits.
    fn take(self: &Arc<Self>, chunk: Bytes, waiting: &Waiting) {
        lock(&self.pending).push_back(chunk);
        let mut hasher = match self.hasher.try_lock() {
            Ok(hasher) => hasher,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody is at the chunk before this one.
            Err(TryLockError::WouldBlock) if !self.is_full() => return,
            Err(TryLockError::WouldBlock) => lock(&self.hasher),
        };
        while let Some(other) = waiting.other(self)
            // Never waited for: the other one may want this one.
            && let Ok(mut others) = other.hasher.try_lock()
        {
            if hash_both([self, &other], [&mut hasher, &mut others]) == 1 {
                return other.wait(&mut others, waiting);
            }
        }
        self.wait(&mut hasher, waiting);
    }

    /// Waits with what it lacks, as far as there is room for that.
    fn wait(self: &Arc<Self>, hasher: &mut Hasher, waiting: &Waiting) {
        while self.is_full()
            && let Some(chunk) = self.next()
        {
            hasher.update(&chunk);
        }
        if !waiting.put(self) {
            self.catch_up(hasher);
        }
    }

    /// Takes a chunk and hashes it now, after those that it lacks.
    fn take_alone(&self, chunk: &Bytes) {
        let mut hasher = lock(&self.hasher);
        self.catch_up(&mut hasher);
        hasher.update(chunk);
    }

    fn finish(&self) -> Digest {
        let mut hasher = lock(&self.hasher);
        self.catch_up(&mut hasher);
        hasher.clone().finish()
    }

    /// Hashes what is lacking now; what the blob adds meanwhile is left to it.
    fn catch_up(&self, hasher: &mut Hasher) {
        let lacking = lock(&self.pending).len();
        std::iter::from_fn(|| self.next()).take(lacking).for_each(|chunk| hasher.update(&chunk));
    }
}

/// Hashes side by side what two lack, until one of them lacks nothing; says which one that is not.
fn hash_both(lanes: [&Lane; 2], [one, other]: [&mut Hasher; 2]) -> usize {
    let mut chunks = [Bytes::new(), Bytes::new()];
    loop {
        for (at, (chunk, lane)) in chunks.iter_mut().zip(lanes).enumerate() {
            if chunk.is_empty() {
                let Some(next) = lane.next() else {
                    let (others, left) = (1 - at, std::mem::take(&mut chunks[1 - at]));
                    // What is left waits for somebody else.
                    if !left.is_empty() {
                        lock(&lanes[others].pending).push_front(left);
                    }
                    return others;
                };
                *chunk = next;
            }
        }
        let both = chunks[0].len().min(chunks[1].len());
        let [ones, others] = chunks.each_mut().map(|chunk| chunk.split_to(both));
        Hasher::update_both([one, other], [&ones, &others]);
    }
}

#[cfg(test)]
mod tests;
