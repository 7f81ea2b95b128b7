//! The network between client and registry as a whole.

use tokio::sync::watch;

/// The state of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Bytes pass.
    Fine,
    /// No byte passes, and connections stay open without an error. They continue when the state is `Fine` again.
    Frozen,
    /// Connections are reset, old ones and new ones.
    Down,
}

/// The weather, and a wait for a better one.
pub(super) struct Forecast(watch::Sender<Weather>);

impl Forecast {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Weather::Fine))
    }

    pub(super) fn set(&self, weather: Weather) {
        self.0.send_replace(weather);
    }

    pub(super) async fn until(&self, weather: impl Fn(Weather) -> bool) {
        // It fails only when the sender is gone, which is ours.
        let _ = self.0.subscribe().wait_for(|now| weather(*now)).await;
    }
}
