//! Responses to a range request: whether they continue where the stream broke off.
//!
//! Bytes that were handed on cannot be taken back, so a part is only joined if it says that it fits exactly. If the
//! whole comes instead, what we have already is read and thrown away.

use http::StatusCode;

/// The use of a response to a request for the bytes from an offset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RangeMatch {
    /// It goes on here, after this many bytes are thrown away.
    From { skip: u64 },
    /// It does not fit: ask for the whole.
    Unfit,
    /// It is no part of anything: an error of the registry.
    Refused,
}

/// Judges an answer to `Range: bytes=<offset>-`, or to no range at all if `offset` is 0.
pub(crate) fn judge(status: StatusCode, content_range: Option<&str>, offset: u64, size: Option<u64>) -> RangeMatch {
    match status {
        StatusCode::OK => RangeMatch::From { skip: offset },
        StatusCode::PARTIAL_CONTENT => match content_range.and_then(parse) {
            Some((start, total)) if start == offset && (total.is_none() || size.is_none() || total == size) => {
                RangeMatch::From { skip: 0 }
            }
            _ => RangeMatch::Unfit,
        },
        // distribution 2.8 announces a body with its 416 and does not send it, so it must not be awaited.
        StatusCode::RANGE_NOT_SATISFIABLE => RangeMatch::Unfit,
        _ => RangeMatch::Refused,
    }
}

/// `bytes 5-9/10` or `bytes 5-9/*`: where it starts, and the total.
fn parse(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.trim().split_once('-')?;
    let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (start <= end && total.is_none_or(|total: u64| end < total)).then_some((start, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_exact_fit_is_joined() {
        let fit = RangeMatch::From { skip: 0 };
        for (status, content_range, expected) in [
            (206, Some("bytes 5-9/10"), fit),
            (206, Some("bytes 5-9/*"), fit),
            (206, Some("bytes 5-8/10"), fit),
            (206, Some("bytes 4-9/10"), RangeMatch::Unfit),
            (206, Some("bytes 6-9/10"), RangeMatch::Unfit),
            (206, Some("bytes 5-9/11"), RangeMatch::Unfit),
            (206, Some("bytes 9-5/10"), RangeMatch::Unfit),
            (206, Some("bytes 5-10/10"), RangeMatch::Unfit),
            (206, Some("items 5-9/10"), RangeMatch::Unfit),
            (206, Some("bytes 5-99999999999999999999999/*"), RangeMatch::Unfit),
            (206, None, RangeMatch::Unfit),
            (200, None, RangeMatch::From { skip: 5 }),
            (200, Some("bytes 5-9/10"), RangeMatch::From { skip: 5 }),
            (416, Some("bytes */10"), RangeMatch::Unfit),
            (404, None, RangeMatch::Refused),
            (304, None, RangeMatch::Refused),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(judge(status, content_range, 5, Some(10)), expected, "{status} {content_range:?}");
        }
    }

    #[test]
    fn without_a_known_size_any_total_fits() {
        assert_eq!(judge(StatusCode::PARTIAL_CONTENT, Some("bytes 5-9/10"), 5, None), RangeMatch::From { skip: 0 });
    }
}
