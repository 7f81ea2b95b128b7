//! Observers: take the events of a run, and cannot harm it.

use async_trait::async_trait;

use crate::{error::Result, event::Event};

/// The way in which events reach an observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// On a thread of its own. While `queue` events wait, further ones are dropped; [`Event::Missed`] tells how many.
    /// [`Event::RunFinished`] always arrives.
    Lossy {
        /// Events that may wait.
        queue: usize,
    },
    /// Every event, in a task of the run. While more than `queue` events wait, no further job begins; transfers go on.
    Lossless {
        /// Events that may wait.
        queue: usize,
    },
}

/// Takes the events of a run, in their order and one after the other: displays, files, web hooks.
///
/// A call that panics or takes longer than 10 seconds ends the observer. That, errors and missed events become
/// warnings in the report.
#[async_trait]
pub trait Observer: Send + Sync {
    /// Returns the way of delivery. Default: lossy, with 1,024 events.
    fn delivery(&self) -> Delivery {
        Delivery::Lossy { queue: 1024 }
    }

    /// Takes an event.
    ///
    /// # Errors
    /// If it cannot be handled. Further events still come.
    async fn event(&self, event: &Event) -> Result<()>;

    /// Ends the observer after the last event, which is [`Event::RunFinished`]. A lossy observer has 10 seconds from
    /// there to its end, for which the program waits.
    ///
    /// # Errors
    /// If something that was taken is lost.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// An observer that calls a function with every event, for embedding and for tests.
pub struct ObserverFn<F>(pub F);

#[async_trait]
impl<F: Fn(&Event) + Send + Sync> Observer for ObserverFn<F> {
    fn delivery(&self) -> Delivery {
        Delivery::Lossless { queue: 1024 }
    }

    async fn event(&self, event: &Event) -> Result<()> {
        (self.0)(event);
        Ok(())
    }
}
