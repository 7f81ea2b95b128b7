//! The one judge of every URL that a server gives us: token realms, upload locations, redirects, pages.
//!
//! Each of them was a hole in some client (CVE-2020-15157, CVE-2026-50151, CVE-2026-85732, GHSA-vh4v-2xq2-g5cg and
//! the realm family around CVE-2026-48978). The rules:
//!
//! * http and https only, no user info, no endless texts
//! * never from https down to http; the same host under plain http is a server that does not know of the TLS in front
//!   of it, so its URL is taken up to https
//! * no address that lies further inward than the registry ([`NetworkScope`]), checked for literal addresses here and for
//!   names by the resolver of `net`, where they are resolved
//! * pages of a list stay where the list is
//!
//! Credentials go to the origin of the registry only; origin is scheme, host and port.

use std::fmt;

use url::Url;

use crate::network_scope::NetworkScope;

/// The purpose of a URL that a server gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlPurpose {
    /// The token service of a challenge.
    Realm,
    /// The location of an upload.
    Upload,
    /// Somewhere else to read.
    Redirect,
    /// The next page of a list.
    Page,
}

/// The registry that a URL is judged for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UrlPolicy<'a> {
    /// The registry's own URL.
    pub(crate) url: &'a Url,
    /// The scope of its address; none, while unknown, counts as public.
    pub(crate) reach: Option<NetworkScope>,
    /// Hosts that the user trusts to be where they are.
    pub(crate) trusted: &'a [String],
}

/// A URL that is not followed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedUrl {
    usage: UrlPurpose,
    host: String,
    why: String,
}

impl std::error::Error for RefusedUrl {}

impl RefusedUrl {
    /// Returns the hint for the reader.
    pub(crate) fn remedy(&self) -> &'static str {
        match self.why.as_str() {
            INWARD => "if that is right, add the host to `trusted_hosts` of the registry in [registries]",
            _ => "the registry, or a proxy in front of it, is not set up right: its operator must mend that",
        }
    }
}

impl fmt::Display for RefusedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.usage {
            UrlPurpose::Realm => "asks for credentials to be sent",
            UrlPurpose::Upload => "wants the upload to go",
            UrlPurpose::Redirect => "redirects",
            UrlPurpose::Page => "continues its list",
        };
        write!(f, "the registry {what} to `{}`, which is refused: {}", self.host, self.why)
    }
}

/// The longest URL that is looked at. Signed URLs have up to some 4 KiB.
const MAX_LENGTH: usize = 16 << 10;

/// Returns true if two URLs share scheme, host and port: only then may one receive what is meant for the other.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
}

/// Returns the part of an unreadable URL without what may be secret: user info and query.
fn shown(text: &str) -> &str {
    let address = text.split('?').next().unwrap_or_default();
    address.rsplit('@').next().unwrap_or_default()
}

impl UrlPolicy<'_> {
    /// Takes a text that a server sent in answer to `asked`, and gives the URL to use, or says why not.
    pub(crate) fn check(&self, usage: UrlPurpose, asked: &Url, text: &str) -> Result<Url, RefusedUrl> {
        let refuse = |host: &str, why: &str| {
            let host = host.chars().filter(|char| !char.is_control()).take(80).collect();
            Err(RefusedUrl { usage, host, why: why.to_owned() })
        };
        if text.len() > MAX_LENGTH {
            return refuse("a URL", &format!("it has {} characters", text.len()));
        }
        // A realm must be absolute; the others are resolved against what was asked (RFC 3986).
        let parsed = if usage == UrlPurpose::Realm { Url::parse(text) } else { asked.join(text) };
        let mut url = match parsed {
            Ok(url) => url,
            Err(error) => return refuse(shown(text), &error.to_string()),
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        if !matches!(url.scheme(), "http" | "https") {
            let shown = format!("{}://{host}", url.scheme());
            return refuse(&shown, "only http and https are followed");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(&host, "the URL brings its own user name");
        }
        url.set_fragment(None);
        self.lift(&mut url);
        if usage == UrlPurpose::Page && !same_origin(&url, self.url) && !same_origin(&url, asked) {
            return refuse(&host, "a list must stay at the registry");
        }
        if url.scheme() == "http" && self.url.scheme() == "https" {
            return refuse(&host, "it would leave https for plain http");
        }
        match url.host().as_ref().and_then(NetworkScope::of_host) {
            Some(target) if !self.admits(&host, target) => refuse(&host, INWARD),
            _ => Ok(url),
        }
    }

    /// Returns true if this host may have an address of this scope.
    pub(crate) fn admits(&self, host: &str, target: NetworkScope) -> bool {
        self.url.host_str() == Some(host)
            || self.trusted.iter().any(|trusted| trusted.eq_ignore_ascii_case(host))
            || self.reach.unwrap_or(NetworkScope::Public).may_send_to(target)
    }

    /// A registry behind a proxy that ends TLS often gives plain http URLs of itself.
    fn lift(&self, url: &mut Url) {
        let port = url.port_or_known_default();
        let ports_fit = port == Some(80) || port == self.url.port_or_known_default();
        if self.url.scheme() == "https" && url.scheme() == "http" && url.host_str() == self.url.host_str() && ports_fit
        {
            let lifted = url.set_scheme("https").and_then(|()| url.set_port(self.url.port()));
            debug_assert!(lifted.is_ok(), "http URLs can become https URLs");
        }
    }
}

/// The reason for refusing an inner address; the resolver uses it for names.
pub(crate) const INWARD: &str = "that address is further inside than the registry itself";

impl RefusedUrl {
    /// A name that resolved to what it must not.
    pub(crate) fn resolved(host: &str) -> Self {
        Self { usage: UrlPurpose::Redirect, host: host.to_owned(), why: INWARD.to_owned() }
    }
}

#[cfg(test)]
mod tests;
