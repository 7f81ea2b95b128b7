//! One ordered stream of events, whoever speaks.

use std::sync::{Arc, Mutex};

use super::state::lock;
use crate::event::{Event, Observer};

/// Hands events to the observer, one at a time.
pub(super) struct Events {
    observer: Arc<dyn Observer>,
    turn: Mutex<()>,
}

impl Events {
    pub(super) fn new(observer: &Arc<dyn Observer>) -> Self {
        Self { observer: Arc::clone(observer), turn: Mutex::new(()) }
    }

    pub(super) fn tell(&self, event: &Event) {
        let _turn = lock(&self.turn);
        self.observer.on(event);
    }

    pub(super) fn warn(&self, message: impl Into<String>) {
        self.tell(&Event::Warning { message: message.into() });
    }
}
