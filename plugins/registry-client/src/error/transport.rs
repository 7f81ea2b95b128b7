//! From a failed exchange to an error: no connection, no trust, no answer, a policy that said no.

use std::{error::Error as StdError, io, time::Duration};

use sealift_core::error::{Error, ErrorKind, Retry};

use super::{BrokenExchange, Phase, TransportError, find, innermost};
use crate::url_policy::RefusedUrl;

/// Messages of resolvers for a name that does not exist, as opposed to "ask me later": glibc (twice), musl, macOS.
const NO_SUCH_NAME: [&str; 4] = [
    "Name or service not known",
    "No address associated with hostname",
    "Name does not resolve",
    "nodename nor servname provided",
];

/// The host that was spoken to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer<'a>(pub(crate) &'a str);

impl Peer<'_> {
    /// Nothing came in time.
    pub(crate) fn silent(self, limit: Duration) -> Error {
        Error::new(ErrorKind::Unavailable, format!("`{}` did not answer within {} s", self.0, limit.as_secs()))
    }

    /// No connection could be made.
    pub(crate) fn no_connection(self, error: &io::Error) -> Error {
        let text = error.to_string();
        if NO_SUCH_NAME.iter().any(|known| text.contains(known)) {
            return self
                .unreachable("there is no host of that name")
                .with_retry(Retry::Never)
                .with_hint("look at how it is written, and whether the DNS of this network knows it");
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => self
                .unreachable("connection refused")
                .with_hint("nothing listens there: look at the port, and whether the registry is up"),
            io::ErrorKind::TimedOut => self.no_connection_in_time(),
            _ => self.unreachable(&text),
        }
    }

    fn no_connection_in_time(self) -> Error {
        self.unreachable("no connection in time")
            .with_hint("a firewall may drop what is sent there; a proxy is named in `HTTPS_PROXY`")
    }

    /// No connection could be made.
    pub(crate) fn unreachable(self, why: &str) -> Error {
        Error::new(ErrorKind::Unavailable, format!("cannot connect to `{}`: {why}", self.0))
    }
}

/// Returns the error for a failed exchange with a host.
pub(crate) fn transport(error: &TransportError, side: Peer<'_>) -> Error {
    let host = side.0;
    let cause: &(dyn StdError + 'static) = &*error.cause;
    // What is wrong on this side is an error already.
    if let Some(own) = find::<Error>(cause) {
        return own.clone();
    }
    if let Some(refused) = find::<RefusedUrl>(cause) {
        return Error::new(ErrorKind::Denied, refused.to_string()).with_hint(refused.remedy());
    }
    if let Some(tls) = find::<rustls::Error>(cause) {
        return untrusted(tls, side);
    }
    let text = innermost(cause);
    let told = match (error.phase, error.kind) {
        (_, Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted)) => {
            Error::new(ErrorKind::Unavailable, format!("`{host}` broke the connection"))
                .with_hint("its log may say why; a proxy or firewall on the way may have done it, too")
        }
        (Phase::Connect, Some(io::ErrorKind::TimedOut)) => side.no_connection_in_time(),
        (Phase::Connect, _) => {
            find::<io::Error>(cause).map_or_else(|| side.unreachable(&text), |io| side.no_connection(io))
        }
        (Phase::Proxy, Some(io::ErrorKind::PermissionDenied)) => {
            Error::new(ErrorKind::Denied, format!("the proxy on the way to `{host}` wants a login"))
                .with_hint("put it into the proxy variable, in front of the host: http://NAME:PASSWORD@…")
        }
        (Phase::Proxy, kind) => {
            let why = if kind == Some(io::ErrorKind::ConnectionRefused) { "connection refused" } else { &text };
            Error::new(ErrorKind::Unavailable, format!("cannot reach the proxy on the way to `{host}`: {why}"))
                .with_hint("look at `HTTPS_PROXY`; hosts that `NO_PROXY` names are reached without it")
        }
        // With TLS 1.3 a server refuses a client only after the handshake; HTTP/2 keeps the words of that alone.
        (Phase::Exchange, Some(io::ErrorKind::InvalidData)) if text.starts_with(ALERT) => {
            return refused_by_alert(&text[ALERT.len()..], host);
        }
        (Phase::Exchange, Some(io::ErrorKind::InvalidData)) => {
            Error::new(ErrorKind::Unavailable, format!("`{host}` sends no valid HTTP response: {text}"))
                .with_retry(Retry::Later)
                .with_hint("something else may listen there, or a proxy on the way may garble responses")
        }
        (Phase::Exchange, _) => {
            Error::new(ErrorKind::Unavailable, format!("the exchange with `{host}` broke off: {text}"))
        }
    };
    told.with_source(BrokenExchange)
}

/// The words of rustls in front of the name of an alert.
const ALERT: &str = "received fatal alert: ";

/// Returns the error for an alert of TLS (RFC 8446, section 6.2). `CertificateRequired` and the like are about the certificate
/// of this side.
fn refused_by_alert(alert: &str, host: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("`{host}` ended the TLS handshake: {}", words(alert)))
        .with_retry(Retry::Never)
        .with_hint("it may want a client certificate: `client_cert` and `client_key` in [registries]")
}

fn untrusted(tls: &rustls::Error, side: Peer<'_>) -> Error {
    let host = side.0;
    if let rustls::Error::InvalidCertificate(why) = tls {
        let why_not = distrust(why);
        return Error::new(ErrorKind::Unavailable, format!("the certificate of `{host}` is not trusted: {why_not}"))
            .with_retry(Retry::Never)
            .with_hint(remedy(why, host));
    }
    let fail = |what: String| Error::new(ErrorKind::Unavailable, what).with_retry(Retry::Never);
    match tls {
        rustls::Error::InvalidMessage(_) => fail(format!("`{host}` does not speak TLS"))
            .with_hint(format!("if it speaks plain http only, set `insecure = true` in [registries.\"{host}\"]")),
        rustls::Error::AlertReceived(alert) => refused_by_alert(&format!("{alert:?}"), host),
        rustls::Error::PeerIncompatible(_) => {
            fail(format!("`{host}` and this program have no version or cipher of TLS in common"))
                .with_hint("its operator must allow TLS 1.2 with ECDHE and AES-GCM, or TLS 1.3")
        }
        // Broken on the way, perhaps.
        rustls::Error::PeerMisbehaved(_) | rustls::Error::DecryptError | rustls::Error::PeerSentOversizedRecord => {
            Error::new(ErrorKind::Unavailable, format!("`{host}` breaks the rules of TLS"))
                .with_hint("a proxy or firewall on the way may do it")
        }
        other => Error::new(ErrorKind::Unavailable, format!("TLS with `{host}` failed: {}", plain(&other.to_string()))),
    }
}

/// The name of a value in a library as words: `HandshakeFailure` becomes `handshake failure`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for char in name.chars() {
        if char.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(char.to_ascii_lowercase());
    }
    words
}

/// A text of a library without the values that it shows in its own way.
fn plain(text: &str) -> &str {
    text.split([':', '(', '{']).next().unwrap_or(text).trim()
}

/// In words without the times, numbers and types of the library.
fn distrust(why: &rustls::CertificateError) -> String {
    use rustls::CertificateError as Why;
    match why {
        Why::Expired | Why::ExpiredContext { .. } => "it has expired",
        Why::NotValidYet | Why::NotValidYetContext { .. } => "it is not valid yet",
        Why::NotValidForName | Why::NotValidForNameContext { .. } => "it is for another name",
        Why::UnknownIssuer => "it is signed by an unknown CA",
        Why::BadEncoding => "it cannot be read",
        Why::BadSignature => "its signature is wrong",
        Why::Revoked => "it was revoked",
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => "it is not for servers",
        Why::UnhandledCriticalExtension => "it has an extension that is not known here",
        Why::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => "it is self-signed, and not among those that are known here",
            Some(_) => "it is made in a way that is not supported",
            // The verifier of the platform has an error of its own for one purpose.
            None => "it is not for servers",
        },
        _ => "it is made in a way that is not supported",
    }
    .to_owned()
}

/// A CA helps only where the certificate is right in itself.
fn remedy(why: &rustls::CertificateError, host: &str) -> String {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
    };
    match why {
        Expired | ExpiredContext { .. } => "its operator must renew it, unless the clock here is wrong".to_owned(),
        NotValidYet | NotValidYetContext { .. } => "look at the clock here, and at the one of its operator".to_owned(),
        NotValidForName | NotValidForNameContext { .. } => {
            "use a name of the registry that is in its certificate".to_owned()
        }
        _ => format!(
            "put its CA, or the certificate itself if it is self-signed, into `/etc/containers/certs.d/{host}/ca.crt`, or \
             name it with `ca_file` in [registries.\"{host}\"]; `insecure = true` there gives up all verification"
        ),
    }
}

#[cfg(test)]
mod tests;
