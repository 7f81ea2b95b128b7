//! The failure of an exchange, as the network tells it.

use std::{error::Error as StdError, fmt, io};

use sealift_core::error::Error;

/// The part of an exchange that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Name resolution, connection or TLS.
    Connect,
    /// The way through a proxy.
    Proxy,
    /// The request or the response, on a connection that stood.
    Exchange,
}

/// The reason why there is no response, or no more of it.
#[derive(Debug)]
pub struct TransportError {
    /// The part of the exchange.
    pub phase: Phase,
    /// The kind of the I/O error below it. [`io::ErrorKind::InvalidData`] stands for a response that is no HTTP,
    /// [`io::ErrorKind::PermissionDenied`] for a proxy that wants a login.
    pub kind: Option<io::ErrorKind>,
    /// The cause. Must not contain the URL, which may hold a signature.
    pub cause: Box<dyn StdError + Send + Sync>,
}

impl TransportError {
    /// Returns an error with the kind of `cause`.
    pub fn from_io(phase: Phase, cause: io::Error) -> Self {
        Self { phase, kind: Some(cause.kind()), cause: Box::new(cause) }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}

/// Marks the errors of exchanges that broke off. It has no text: displays tell the sources of an error below its message.
#[derive(Debug)]
pub(crate) struct BrokenExchange;

impl fmt::Display for BrokenExchange {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl StdError for BrokenExchange {}

impl BrokenExchange {
    /// Returns true if an exchange broke off, without a response.
    pub(crate) fn is_cause_of(error: &Error) -> bool {
        error.source().is_some_and(|source| source.is::<Self>())
    }
}

/// Returns a source of some type within a chain of errors, looking into `io::Error`s too, which hide what they wrap.
pub(crate) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

/// Returns the words of the last cause, which are the ones that say something.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
