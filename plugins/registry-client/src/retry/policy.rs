//! The values of the policy. A new rule about repetition is written here.

use std::time::Duration;

use http::StatusCode;

/// The limits for repeating failed requests.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Upper bound of the attempts of a request. Default: 5.
    pub requests: u32,
    /// Upper bound of the attempts to read a small body that breaks off. Default: 3.
    pub bodies: u32,
    /// Upper bound of the attempts to open a blob without receiving 64 KiB in between. Default: 5.
    pub blobs: u32,
    /// Upper bound of the requests to a token service for one token. Default: 4.
    pub tokens: u32,
    /// Upper bound of the attempts to send a manifest that is answered with an unexplained 500. Default: 3.
    pub manifests: u32,
    /// Upper bound of the first pause; it doubles with each attempt, and each pause is a random part of it. Default:
    /// 500 ms.
    pub backoff: Duration,
    /// Upper bound of all pauses. Default: 20 s.
    pub backoff_max: Duration,
    /// Upper bound of an outage of a host that answered before: until then its requests are repeated without counting.
    /// Default: 45 s.
    pub outage: Duration,
    /// The longest pause that a host may ask for within a request. If it asks for more, the request fails with
    /// `Retry::After`. Default: 120 s.
    pub patience: Duration,
    /// The longest pause that a run waits for. If a host asks for more, everything that needs it fails at once. Default:
    /// 1 h.
    pub patience_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            requests: 5,
            bodies: 3,
            blobs: 5,
            tokens: 4,
            manifests: 3,
            backoff: Duration::from_millis(500),
            backoff_max: Duration::from_secs(20),
            outage: Duration::from_secs(45),
            patience: Duration::from_secs(120),
            patience_max: Duration::from_secs(3600),
        }
    }
}

/// Returns true if the same request may succeed a little later.
///
/// 499 and 522 come from proxies and CDNs that lost the server behind them; 501 and 505 are final.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 499 | 500 | 502 | 503 | 504 | 520..=524)
}
