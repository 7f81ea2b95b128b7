//! The time of day by a server's clock.
//!
//! Pauses and lifetimes go by a clock that only goes forward. Where a server names a time of day, its own clock is the
//! one to compare with: ours may be wrong, or jump, and then a pause of seconds would last an hour.

use std::time::SystemTime;

use http::{HeaderMap, header::DATE};

/// The time at which an answer was sent, by the server's clock; by ours where it does not say.
pub(crate) fn sent_at(headers: &HeaderMap) -> SystemTime {
    let said = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    said.unwrap_or_else(SystemTime::now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limit::retry_after, quota};

    const NOON: &str = "Tue, 06 Nov 2001 12:00:00 GMT";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    /// Many years lie between these answers and the clock of this machine.
    #[test]
    fn times_of_day_are_compared_with_the_clock_of_the_server() {
        let noon = httpdate::parse_http_date(NOON).unwrap();
        let unix = noon.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(sent_at(&headers(&[("date", NOON)])), noon);

        let later = headers(&[("date", NOON), ("retry-after", "Tue, 06 Nov 2001 12:00:30 GMT")]);
        assert_eq!(retry_after(&later, sent_at(&later)).unwrap().as_secs(), 30);

        let reset = (unix + 40).to_string();
        let left = headers(&[("date", NOON), ("ratelimit-remaining", "0"), ("ratelimit-reset", &reset)]);
        assert_eq!(quota::read(&left, sent_at(&left)).unwrap().reset.unwrap().as_secs(), 40);
    }

    #[test]
    fn who_says_no_date_or_nonsense_is_measured_by_our_clock() {
        for said in [&[][..], &[("date", "yesterday")]] {
            let apart = sent_at(&headers(said)).duration_since(SystemTime::now());
            assert!(apart.unwrap_or_else(|earlier| earlier.duration()).as_secs() < 60);
        }
    }
}
