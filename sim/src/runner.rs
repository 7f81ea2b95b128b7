//! Runs seeds, each on a thread of its own and with a limit on real time.

use std::{sync::mpsc, thread, time::Duration};

use crate::{
    planted::Planted,
    scenario::{self, ScenarioOutcome},
    topology::Reduced,
};

/// The real time of one seed. With a clock that stands still, a wait without any timer would last for ever.
const LIMIT: Duration = Duration::from_secs(120);

/// The reason why a seed has no outcome.
#[derive(Clone, Debug)]
pub enum SeedFailure {
    /// It did not end within two minutes of real time.
    Hung,
    /// It panicked; the message is on stderr.
    Panicked,
}

/// Runs a seed.
///
/// # Errors
/// If it hangs or panics. A thread that hangs is left behind.
pub fn run_seed(seed: u64, reduced: &Reduced, planted: Option<Planted>) -> Result<ScenarioOutcome, SeedFailure> {
    let (sender, receiver) = mpsc::channel();
    let reduced = reduced.clone();
    let run = move || drop(sender.send(scenario::run(seed, &reduced, planted)));
    let thread = thread::Builder::new().name(format!("seed {seed}")).stack_size(16 << 20).spawn(run);
    let thread = thread.expect("a thread can be started");
    match receiver.recv_timeout(LIMIT) {
        Ok(outcome) => {
            // The next one begins when nothing of this one is left.
            drop(thread.join());
            Ok(outcome)
        }
        Err(mpsc::RecvTimeoutError::Timeout) => Err(SeedFailure::Hung),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(SeedFailure::Panicked),
    }
}
