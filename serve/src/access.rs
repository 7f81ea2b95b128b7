//! Records of requests to a registry, and counts of them.
//!
//! The number of requests for a task is a promise of this project, so tests count them. Both kinds of registry that
//! tests run against (the one in this crate and a real `docker-registry`) give the same [`Requests`].

use std::fmt;

/// The resource of a request, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestKind {
    /// `/v2/` itself.
    Ping,
    /// `/v2/<name>/manifests/<reference>`.
    Manifest,
    /// `/v2/<name>/blobs/<digest>`.
    Blob,
    /// `/v2/<name>/blobs/uploads/…`.
    Upload,
    /// `/v2/<name>/tags/list`.
    Tags,
    /// `/v2/<name>/referrers/<digest>`.
    Referrers,
    /// `/v2/_catalog`.
    Catalog,
    /// A path that ends with `/token`: a token service.
    Token,
    /// Anything else.
    Other,
}

impl RequestKind {
    /// The kind of a request with this path; a query after it does not matter.
    pub fn of(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let Some(rest) = path.strip_prefix("/v2") else {
            return if path.ends_with("/token") { Self::Token } else { Self::Other };
        };
        match rest {
            "" | "/" => return Self::Ping,
            "/_catalog" => return Self::Catalog,
            _ => {}
        }
        // From the right: a repository may be called `a/blobs/uploads`.
        let mut parts = rest.rsplit('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("list"), Some("tags"), _) => Self::Tags,
            (_, Some("manifests"), _) => Self::Manifest,
            (_, Some("referrers"), _) => Self::Referrers,
            (_, Some("uploads"), Some("blobs")) => Self::Upload,
            (Some("uploads"), Some("blobs"), _) => Self::Upload,
            (_, Some("blobs"), _) => Self::Blob,
            _ => Self::Other,
        }
    }
}

/// One request and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRecord {
    /// The method, in capitals.
    pub method: String,
    /// Path and query, as they were sent.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the response body; those that were sent, if the client went away.
    pub bytes: u64,
}

impl AccessRecord {
    /// Returns the kind of resource.
    pub fn kind(&self) -> RequestKind {
        RequestKind::of(&self.path)
    }
}

impl fmt::Display for AccessRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} → {} ({} bytes)", self.method, self.path, self.status, self.bytes)
    }
}

/// Requests in the order in which they were answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests(Vec<AccessRecord>);

impl Requests {
    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, AccessRecord> {
        self.0.iter()
    }

    /// Returns the number of requests.
    pub fn total(&self) -> usize {
        self.0.len()
    }

    /// Counts the requests with this method for this kind of resource.
    pub fn count(&self, method: &str, kind: RequestKind) -> usize {
        self.0.iter().filter(|request| request.method == method && request.kind() == kind).count()
    }

    /// Counts the requests for this kind of resource, of all methods.
    pub fn of_kind(&self, kind: RequestKind) -> usize {
        self.0.iter().filter(|request| request.kind() == kind).count()
    }
}

impl From<Vec<AccessRecord>> for Requests {
    fn from(requests: Vec<AccessRecord>) -> Self {
        Self(requests)
    }
}

/// One request a line, for the message of an assertion.
impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|request| writeln!(f, "{request}"))
    }
}

#[cfg(test)]
mod tests;
