//! Quotas that hosts name in headers: `ratelimit-remaining: 76;w=21600` of Docker Hub, `x-ratelimit-remaining` of
//! GitHub, and `…-limit` and `…-reset` beside them.
//!
//! The numbers are never known beforehand: they differ by account and change over the years.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;

/// A quota at the time of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Requests that are allowed in a window; none if it was not said.
    pub(crate) limit: Option<u64>,
    /// Requests that are left.
    pub(crate) left: u64,
    /// The length of the window, if it was named.
    pub(crate) window: Option<Duration>,
    /// The time until more are allowed, if it was named.
    pub(crate) reset: Option<Duration>,
}

/// Reads the headers of an answer; none if they say nothing of a quota, or nonsense.
pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Option<Quota> {
    ["", "x-"].into_iter().find_map(|prefix| {
        let text = |name: &str| headers.get(format!("{prefix}ratelimit-{name}"))?.to_str().ok();
        let number = |text: &str| text.split(';').next()?.trim().parse::<u64>().ok();
        let left = number(text("remaining")?)?;
        let window = |text: &str| text.split(';').find_map(|part| part.trim().strip_prefix("w=")?.parse().ok());
        let window = [text("remaining"), text("limit")].into_iter().flatten().find_map(window);
        Some(Quota {
            limit: text("limit").and_then(number),
            left,
            window: window.map(Duration::from_secs),
            reset: text("reset").and_then(number).and_then(|reset| from_now(reset, now)),
        })
    })
}

/// A reset is a number of seconds, or a time as Unix counts it.
fn from_now(reset: u64, now: SystemTime) -> Option<Duration> {
    const YEARS: u64 = 1_000_000_000;
    let reset = Duration::from_secs(reset);
    if reset.as_secs() < YEARS {
        return Some(reset);
    }
    reset.checked_sub(now.duration_since(UNIX_EPOCH).ok()?)
}

impl Quota {
    /// Returns the end of a sentence about a host that asks for fewer requests.
    pub(crate) fn words(&self) -> String {
        let mut words = match (self.limit, self.window) {
            (Some(limit), Some(window)) => format!("{} of {limit} in {} are left", self.left, time_words(window)),
            (Some(limit), None) => format!("{} of {limit} are left", self.left),
            (None, _) => format!("{} are left", self.left),
        };
        if let Some(reset) = self.reset {
            words += &format!(", more in {}", time_words(reset));
        }
        words
    }
}

/// A time to the minute, or to the second where it is short.
pub(crate) fn time_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds if seconds < 7200 || (seconds < 86_400 && !seconds.is_multiple_of(3600)) => {
            format!("{} min", seconds.div_ceil(60))
        }
        seconds => format!("{} h", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(lines: &[(&'static str, &str)]) -> Option<Quota> {
        let headers = lines.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()));
        read(
            &HeaderMap::from_iter(headers.map(|(n, v): (http::HeaderName, http::HeaderValue)| (n, v))),
            UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        )
    }

    #[test]
    fn what_registries_say_is_understood() {
        let hub = quota(&[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")]).unwrap();
        assert_eq!(hub.words(), "76 of 100 in 6 h are left");
        let github = quota(&[
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000090"),
        ]);
        assert_eq!(github.unwrap().words(), "0 of 5000 are left, more in 90 s");
        let draft = quota(&[("ratelimit-remaining", "3"), ("ratelimit-reset", "600")]).unwrap();
        assert_eq!(
            (draft.limit, draft.reset, draft.words()),
            (None, Some(Duration::from_secs(600)), "3 are left, more in 10 min".to_owned())
        );
    }

    #[test]
    fn nonsense_says_nothing() {
        assert_eq!(quota(&[]), None);
        for nonsense in ["", "-1", "many", ";w=5", "1e3"] {
            assert_eq!(quota(&[("ratelimit-remaining", nonsense)]), None, "{nonsense}");
        }
        let past = quota(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1600000000")]).unwrap();
        assert_eq!(past.reset, None);
        let odd = quota(&[("ratelimit-remaining", "0;w=x"), ("ratelimit-reset", "soon")]).unwrap();
        assert_eq!((odd.left, odd.window, odd.reset), (0, None, None));
    }
}
