//! Ctrl-C and SIGTERM: the first ends the run gently, the second at once.

use sealift_core::engine::Cancel;
use tokio::{signal, task::JoinHandle};

use crate::display::Console;

/// Stops the run when somebody wants it to end. Abort the task once the run is over.
pub(crate) fn watch(cancel: Cancel, console: Console, grace_s: u64) -> JoinHandle<()> {
    // Before anything else runs: whoever asks early must not be met by the default, which is to die on the spot.
    let signals = Signals::new();
    tokio::spawn(async move {
        let Ok(mut signals) = signals else { return };
        // It is said before it is done: what is done may end the run, and this task with it.
        signals.next().await;
        console.say(&format!(
            "stopping: nothing new begins, running transfers get {grace_s} s to end; once more stops at once"
        ));
        cancel.stop();
        signals.next().await;
        console.say("stopping at once");
        cancel.stop();
        signals.next().await;
        // Something does not let go; whoever asks three times gets it.
        std::process::exit(130);
    })
}

/// Waits until somebody wants it to end. For what has nothing to bring to an end.
pub(crate) async fn asked() {
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// Those who want the process to end.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: signal::unix::Signal,
    terminate: signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Begins to watch.
    pub(crate) fn new() -> std::io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Those who want the process to end.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Begins to watch.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
