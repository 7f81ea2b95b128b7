//! The state of all connections: the script, the guard and the journal.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Act, Fault, Guard,
    journal::{Note, Notes},
    weather::Forecast,
};

/// The state of all connections.
pub(super) struct Shared {
    pub(super) upstream: SocketAddr,
    pub(super) host: String,
    pub(super) weather: Forecast,
    pub(super) notes: Notes,
    pub(super) connections: AtomicU64,
    pub(super) script: Mutex<Vec<Scripted>>,
    pub(super) guard: Mutex<Option<Guard>>,
}

pub(super) struct Scripted {
    pub(super) fault: Fault,
    pub(super) seen: u64,
    pub(super) fired: Arc<AtomicU64>,
}

/// A fault that is due, and where to note that it took effect.
pub(super) struct Due {
    pub(super) act: Act,
    fired: Arc<AtomicU64>,
}

impl Due {
    pub(super) fn fired(&self, note: &Note) {
        let mut exchange = note.get();
        if exchange.fault.is_none() {
            self.fired.fetch_add(1, Ordering::Relaxed);
            exchange.fault = Some(format!("{:?}", self.act));
        }
    }
}

impl Shared {
    /// Returns the fault for this request, and counts the request for all faults that match it.
    pub(super) fn due(&self, method: &str, path: &str) -> Option<Due> {
        let mut due = None;
        for scripted in self.script().iter_mut().filter(|scripted| scripted.fault.matches(method, path)) {
            scripted.seen += 1;
            if due.is_none() && scripted.fault.is_due(scripted.seen) {
                due = Some(Due { act: scripted.fault.what().clone(), fired: Arc::clone(&scripted.fired) });
            }
        }
        due
    }

    pub(super) fn guard(&self) -> Option<Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn notes(&self) -> &Notes {
        &self.notes
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Vec<Scripted>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
