//! The access log of `docker-registry`, in the combined format of Apache.

use sealift_serve::access::{AccessRecord, Requests};

/// Paths that are asked for in order to see that the log is complete. They count for nothing.
pub(super) const MARK: &str = "/sealift-testkit-mark-";

/// All requests of a log; lines that are none are left out, as is a last line that was not written to its end.
pub(super) fn read(log: &str) -> Requests {
    log.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter_map(line).collect::<Vec<_>>().into()
}

/// `127.0.0.1 - user [time] "GET /v2/ HTTP/1.1" 200 2 "referer" "agent"`
fn line(line: &str) -> Option<AccessRecord> {
    let (_, rest) = line.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let mut request = request.split(' ');
    let mut answer = rest.split(' ');
    Some(AccessRecord {
        method: request.next()?.to_owned(),
        path: request.next().filter(|path| !path.starts_with(MARK))?.to_owned(),
        status: answer.next()?.parse().ok()?,
        bytes: answer.next()?.trim().parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_and_other_lines_are_not() {
        let log = "noise\n\
            127.0.0.1 - bob [23/Nov/2026:19:32:18 +0000] \"GET /v2/ HTTP/1.1\" 200 2 \"\" \"curl/7.88.1\"\n\
            127.0.0.1 - - [23/Nov/2026:19:32:18 +0000] \"HEAD /v2/a/manifests/x?y=1 HTTP/1.1\" 404 91 \"\" \"a \\\"b\"\n\
            127.0.0.1 - - [23/Nov/2026:19:32:18 +0000] \"GET /sealift-testkit-mark-7 HTTP/1.1\" 404 19 \"\" \"\"\n\
            127.0.0.1 - - [23/Nov/2026:19:32:18 +0000] \"GET /v2/half HTTP/1.1\" 200";
        let requests = read(log);
        let found: Vec<_> = requests.iter().map(|r| (r.method.as_str(), r.path.as_str(), r.status, r.bytes)).collect();
        assert_eq!(found, [("GET", "/v2/", 200, 2), ("HEAD", "/v2/a/manifests/x?y=1", 404, 91)]);
    }
}
