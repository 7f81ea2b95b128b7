//! Every time limit of the client, in one place.
//!
//! There is no limit on how long a transfer may take, only on how long it may stand still: `reqwest`'s `read_timeout`
//! runs through an upload and cuts it off, so the timers here are our own.

use std::time::Duration;

use crate::retry::RetryPolicy;

/// The time limits of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Until a connection stands, TLS included.
    pub(crate) connect: Duration,
    /// Until a server says whether it speaks TLS.
    pub(crate) tls_probe: Duration,
    /// From a small request to the first byte of its answer.
    pub(crate) response: Duration,
    /// The same for what may be much work at the other end: tag lists of big repositories on object stores, the
    /// check of all children of an index.
    pub(crate) slow_response: Duration,
    /// The span of waiting for bytes over which a download must bring [`Timing::IDLE_BYTES`].
    pub(crate) idle_read: Duration,
    /// The time in which a server must accept bytes of an upload. Longer than for reading: buffers in between hide seconds of
    /// progress on slow lines.
    pub(crate) idle_write: Duration,
    /// From the last byte of an upload to its answer. Object stores copy the whole blob in that time.
    pub(crate) commit: Duration,
    /// The time limit of a credential helper; some ask the user.
    pub(crate) helper: Duration,
    pub(crate) retry: RetryPolicy,
}

impl Timing {
    /// Fewer bytes than these in [`Timing::idle_read`] count as standing still (about 1 KiB/s).
    pub(crate) const IDLE_BYTES: u64 = 60 << 10;
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(15),
            tls_probe: seconds(5),
            response: seconds(60),
            slow_response: seconds(300),
            idle_read: seconds(60),
            idle_write: seconds(300),
            commit: seconds(900),
            helper: seconds(60),
            retry: RetryPolicy::default(),
        }
    }
}
