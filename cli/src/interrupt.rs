//! Ctrl-C, SIGTERM and SIGHUP: the first one stops the run after its transfers, the second one at once.

use sealift_core::engine::CancelHandle;
use tokio::{signal, task::JoinHandle};

use crate::display::Console;
#[cfg(unix)]
use crate::process;

/// Stops the run on signals. Abort the task once the run is over.
pub(crate) fn watch(cancel: CancelHandle, console: Console, grace_s: u64) -> JoinHandle<()> {
    // Before anything else runs: until then a signal kills the process, which is the default.
    let signals = Signals::new();
    tokio::spawn(async move {
        let Ok(mut signals) = signals else { return };
        // The message comes first: stopping may end the run and, with it, this task.
        signals.next().await;
        console.say(&format!(
            "stopping: nothing new begins, running transfers get {grace_s} s to end; once more stops at once"
        ));
        cancel.stop();
        signals.next().await;
        console.say("stopping at once");
        cancel.stop();
        signals.next().await;
        // Something does not stop.
        std::process::exit(130);
    })
}

/// Waits for a signal.
pub(crate) async fn asked() {
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// The signals that end the process: Ctrl-C, SIGTERM, and SIGHUP of a closed session.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: signal::unix::Signal,
    #[cfg(unix)]
    terminate: signal::unix::Signal,
    /// None where it is ignored, as `nohup` asks for.
    #[cfg(unix)]
    hangup: Option<signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Starts to watch for signals.
    pub(crate) fn new() -> std::io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        let hangup = if process::ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = received(&mut self.hangup) => {}
        }
    }
}

/// Waits for a signal that may not be watched.
#[cfg(unix)]
async fn received(signal: &mut Option<signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Starts to watch for signals.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
