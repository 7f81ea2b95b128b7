//! The limit of concurrent requests, adjusted for each host and kind of request.
//!
//! It starts high enough for a quick network, and grows while more at once brings more done. When it does not, it goes
//! back to where it was, and tries a little more after a while. A host that asks for fewer requests gets half, once for
//! each time that it asks: what was under way together is refused together.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use crate::operation::Operation;

/// Time for which a limit is measured before it is judged.
const WATCH: Duration = Duration::from_millis(500);
/// Time for which a limit is kept when a higher one did not help.
const REST: Duration = Duration::from_secs(30);
/// More than this many times as much is an improvement.
const BETTER: f64 = 1.1;

/// The adaptive limit of concurrent requests of one kind at one host.
#[derive(Debug)]
pub(crate) struct Level {
    places: Semaphore,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Places that are taken away as soon as they come back.
    owed: usize,
    phase: Phase,
    watched_since: Instant,
    done: u64,
    /// True if a request had to wait: only then the limit has an effect.
    full: bool,
    /// Until when refusals are about what is known already.
    refused_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// It went up, from this limit with this much done in a second.
    Trying { from: usize, rate: f64 },
    /// It stays until then.
    Resting(Instant),
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Level>);

/// The levels of one host.
#[derive(Debug)]
pub(crate) struct Levels {
    /// Requests with small answers.
    pub(crate) small: Arc<Level>,
    /// Blobs that are read.
    pub(crate) reads: Arc<Level>,
    /// Blobs that are written.
    pub(crate) writes: Arc<Level>,
    /// A limit was asked for.
    limited: bool,
}

impl Levels {
    /// Levels that go up to `limit`, if there is one.
    pub(crate) fn new(limit: Option<NonZeroUsize>) -> Self {
        let limit_or = |most: usize| limit.map_or(most, |limit| limit.get().min(most));
        let level = |start, most| Arc::new(Level::new(limit_or(start), limit_or(most)));
        Self { small: level(32, 128), reads: level(16, 64), writes: level(16, 64), limited: limit.is_some() }
    }

    /// Takes a place among the blobs that are read for a list of tags, which takes long as well, where there is a limit.
    pub(crate) async fn list(&self) -> Option<Place> {
        match self.limited {
            true => Some(self.reads.enter().await),
            false => None,
        }
    }

    /// The host asked for fewer requests when it was asked this.
    pub(crate) fn refused(&self, operation: Operation<'_>, pause: Duration) {
        match operation {
            Operation::ReadBlob(..) => self.reads.refused(pause),
            Operation::PushBlob(..) => self.writes.refused(pause),
            _ => {}
        }
        self.small.refused(pause);
    }
}

impl Level {
    /// One that starts at `start` and goes up to `most`.
    pub(crate) fn new(start: usize, most: usize) -> Self {
        let state = State {
            limit: start,
            owed: 0,
            phase: Phase::Trying { from: start, rate: 0.0 },
            watched_since: Instant::now(),
            done: 0,
            full: false,
            refused_until: None,
        };
        Self { places: Semaphore::new(start), most, state: Mutex::new(state) }
    }

    /// Waits for a place.
    pub(crate) async fn enter(self: &Arc<Self>) -> Place {
        let place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_) => {
                self.state().full = true;
                self.places.acquire().await.expect("it is never closed")
            }
        };
        place.forget(); // it comes back by the drop of ours, or not at all
        Place(Arc::clone(self))
    }

    /// So much more was done: requests, or bytes.
    pub(crate) fn done(&self, amount: u64) {
        let mut state = self.state();
        state.done += amount;
        let now = Instant::now();
        let watched = now - state.watched_since;
        if watched < WATCH {
            return;
        }
        if state.full {
            #[expect(clippy::cast_precision_loss, reason = "a rate is compared with another one, roughly")]
            let rate = state.done as f64 / watched.as_secs_f64();
            self.judge(&mut state, rate, now);
        }
        (state.watched_since, state.done, state.full) = (now, 0, false);
    }

    fn judge(&self, state: &mut State, rate: f64, now: Instant) {
        match state.phase {
            Phase::Trying { rate: before, .. } if rate > before * BETTER => {
                state.phase = Phase::Trying { from: state.limit, rate };
                self.set(state, state.limit + state.limit.div_ceil(2));
            }
            Phase::Trying { from, .. } => {
                self.set(state, from);
                state.phase = Phase::Resting(now + REST);
            }
            Phase::Resting(until) if until <= now => {
                state.phase = Phase::Trying { from: state.limit, rate };
                self.set(state, state.limit + state.limit.div_ceil(4));
            }
            Phase::Resting(_) => {}
        }
    }

    /// The host asks for fewer requests, and for a pause of this length.
    pub(crate) fn refused(&self, pause: Duration) {
        let mut state = self.state();
        let now = Instant::now();
        if state.refused_until.is_some_and(|until| now < until) {
            return;
        }
        let limit = state.limit / 2;
        self.set(&mut state, limit);
        state.refused_until = Some(now + pause);
        state.phase = Phase::Resting(now + pause + REST / 3);
    }

    fn set(&self, state: &mut State, limit: usize) {
        let limit = limit.clamp(1, self.most);
        if limit >= state.limit {
            let more = limit - state.limit;
            let settled = more.min(state.owed);
            state.owed -= settled;
            self.places.add_permits(more - settled);
        } else {
            let fewer = state.limit - limit;
            state.owed += fewer - self.places.forget_permits(fewer);
        }
        state.limit = limit;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.0.state();
        match state.owed.checked_sub(1) {
            Some(left) => state.owed = left,
            None => self.0.places.add_permits(1),
        }
    }
}

#[cfg(test)]
mod tests;
