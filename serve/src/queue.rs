//! A queue for work that needs a processor, such as the check of a password.
//!
//! Under a flood of wrong logins the right one must still get through. In one line it would wait for all that came
//! before, so every other turn goes to the one that came last; the turns between go to the one that waits longest, so
//! that no one waits for ever. Between addresses it goes round: one that has a turn comes after those that have none.
//! Those that have waited longest are turned away when too many wait.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Some turns at the same time.
#[derive(Debug)]
pub(crate) struct CheckQueue {
    state: Mutex<QueueState>,
    together: usize,
    most_waiting: usize,
}

#[derive(Debug, Default)]
struct QueueState {
    /// Addresses that have their turn; one may have several.
    running: Vec<IpAddr>,
    /// Those that wait, the newest last.
    waiting: Vec<(IpAddr, oneshot::Sender<CheckPermit>)>,
    /// Says whose turn is next: of the newest, or of the oldest.
    newest: bool,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct CheckPermit {
    turns: Arc<CheckQueue>,
    address: IpAddr,
}

impl CheckQueue {
    /// So many at the same time, and so many that wait.
    pub(crate) fn new(together: usize, most_waiting: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), together, most_waiting })
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn; none if too many others wait.
    pub(crate) async fn wait(self: &Arc<Self>, address: IpAddr) -> Option<CheckPermit> {
        let turn = {
            let mut state = self.state();
            if state.running.len() < self.together {
                state.running.push(address);
                return Some(CheckPermit { turns: Arc::clone(self), address });
            }
            let (sender, turn) = oneshot::channel();
            state.waiting.retain(|(_, waiting)| !waiting.is_closed());
            if state.waiting.len() >= self.most_waiting {
                state.waiting.remove(0);
            }
            state.waiting.push((address, sender));
            turn
        };
        turn.await.ok()
    }

    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.state().running.len()
    }

    /// Takes out the one that is next.
    fn next(state: &mut QueueState) -> Option<(IpAddr, oneshot::Sender<CheckPermit>)> {
        state.waiting.retain(|(_, waiting)| !waiting.is_closed());
        state.newest = !state.newest;
        let is_idle = |(address, _): &(IpAddr, _)| !state.running.contains(address);
        let last = state.waiting.len().checked_sub(1)?;
        let at = match state.newest {
            true => state.waiting.iter().rposition(is_idle).unwrap_or(last),
            false => state.waiting.iter().position(is_idle).unwrap_or(0),
        };
        Some(state.waiting.remove(at))
    }
}

impl Drop for CheckPermit {
    fn drop(&mut self) {
        let next = {
            let mut state = self.turns.state();
            if let Some(at) = state.running.iter().position(|address| *address == self.address) {
                state.running.swap_remove(at);
            }
            let next = CheckQueue::next(&mut state);
            state.running.extend(next.as_ref().map(|(address, _)| *address));
            next
        };
        if let Some((address, sender)) = next {
            // If that one has just gone, its turn comes back here and is dropped, which gives it to the next.
            drop(sender.send(CheckPermit { turns: Arc::clone(&self.turns), address }));
        }
    }
}

#[cfg(test)]
mod tests;
