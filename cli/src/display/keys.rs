//! Ctrl-C without `^C` in the live lines.
//!
//! The terminal echoes the key where the cursor is: at the end of the last live line, which then wraps, so that
//! everything below is off by one (seen: the first live line stays on the screen for good).

/// While it lives, the terminal does not show control keys as `^C`. What is typed otherwise is shown as ever, so a
/// process that is killed leaves a terminal that can be used.
pub(super) struct KeysUnseen {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

#[cfg(unix)]
impl KeysUnseen {
    /// Of the terminal that stderr is.
    pub(super) fn on_stderr() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = if in_foreground() { tcgetattr(std::io::stderr()).ok() } else { None };
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(LocalModes::ECHOCTL);
            let _ = tcsetattr(std::io::stderr(), OptionalActions::Now, &modes);
        }
        Self { before }
    }
}

#[cfg(unix)]
impl Drop for KeysUnseen {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = self.before.as_ref().filter(|_| in_foreground()) {
            let _ = tcsetattr(std::io::stderr(), OptionalActions::Now, before);
        }
    }
}

/// Returns true in the foreground: a process that changes a terminal from the background is stopped (SIGTTOU).
#[cfg(unix)]
fn in_foreground() -> bool {
    rustix::termios::tcgetpgrp(std::io::stderr()).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
impl KeysUnseen {
    /// Of the terminal that stderr is.
    pub(super) fn on_stderr() -> Self {
        Self {}
    }
}
